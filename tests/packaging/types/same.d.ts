// Known to every file of this folder.

/** Fails to compile unless both are the same type. `any` is the same as itself only. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

declare function same<A, B>(yes: Same<A, B>): boolean;
