use isocache::cached;

#[cached]
const fn constant() -> u64 { 1 }

#[cached]
unsafe fn dangerous() -> u64 { 1 }

#[cached]
extern "C" fn foreign() -> u64 { 1 }

#[cached]
async fn nothing() {}

#[cached]
async fn borrowed(name: &str) -> &str { name }

#[cached]
async fn borrowed_by_name<'a>(name: &'a str) -> Option<std::borrow::Cow<'a, str>> { Some(name.into()) }

#[cached]
async fn unnamed() -> impl Copy { 1 }

#[cached]
struct NoFunction;

fn main() {}
