//! Tests that have the installation for themselves, one after the other: they restart, upgrade or remove
//! it. Together, since each of them waits until nobody else uses it, and nobody may begin meanwhile.

mod lifecycle;
mod manifests;
mod operators;
