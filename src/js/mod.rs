//! A cache of JavaScript, shared with it: [`JsCacheProvider`] over an object of the npm package, and [`JsValueSerializer`].
//!
//! | file | what it does |
//! |---|---|
//! | `object` | the methods of the object, called and awaited |
//! | `held` | keeps the object on its thread |
//! | `serializer` | values of Rust to values of JavaScript and back |
//! | `provider` | [`JsCacheProvider`] |

mod held;
mod object;
mod provider;
mod serializer;

pub use provider::JsCacheProvider;
pub use serializer::JsValueSerializer;
