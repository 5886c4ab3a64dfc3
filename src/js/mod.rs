//! Access to a JavaScript cache: [`JsCacheProvider`] wraps an object of the npm package, and [`JsValueSerializer`]
//! converts its values.
//!
//! | file | what it does |
//! |---|---|
//! | `object` | the methods of the object, called and awaited |
//! | `thread_bound` | keeps the object on its thread |
//! | `serializer` | values of Rust to values of JavaScript and back |
//! | `provider` | [`JsCacheProvider`] |
//! | `extensions` | its extension traits |

mod extensions;
mod object;
mod provider;
mod serializer;
mod thread_bound;

pub use provider::JsCacheProvider;
pub use serializer::JsValueSerializer;
