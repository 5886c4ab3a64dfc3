/** A setting that cannot be used; `field` is the name of the control that holds it. */
export class FieldError extends Error {
  name = "FieldError";

  constructor(field, message) {
    super(message);
    this.field = field;
  }
}
