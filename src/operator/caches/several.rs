//! Watches of several namespaces, as one.
//!
//! # Expected flow
//! The first lists are collected until every namespace has been listed; then they are told as one list.
//! From then on a namespace whose watch begins anew is compared with what was known of it, since a
//! list of one namespace says nothing about the others.
//!
//! A namespace that does not exist any more, or whose rights were taken away, is counted as empty: the
//! others do not wait for it. Should it be listed after all, that is told as changes.
//!
//! # Guarantees
//! What is told is what one watch of all of these namespaces would tell. Nothing is told before one of
//! them was listed in fact: whoever may see nothing at all has not seen that there is nothing.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use kube::{
    Resource,
    runtime::{reflector::ObjectRef, watcher::Event},
};

/// See the module.
pub(super) struct Several<K: Resource>
where
    K::DynamicType: Hash + Eq,
{
    namespaces: Vec<Namespace<K>>,
    /// All of them were listed once.
    listed: bool,
}

struct Namespace<K: Resource>
where
    K::DynamicType: Hash + Eq,
{
    listed: bool,
    /// It is not there, or not for us.
    missing: bool,
    /// What it has, as far as it was told; while not all are listed, with the objects themselves.
    known: HashMap<ObjectRef<K>, Option<K>>,
    /// What a list that is under way has named so far.
    listing: Option<HashSet<ObjectRef<K>>>,
}

impl<K: Resource + Clone> Several<K>
where
    K::DynamicType: Default + Hash + Eq + Clone,
{
    /// Of so many namespaces.
    pub(super) fn new(count: usize) -> Self {
        let new =
            || Namespace { listed: false, missing: false, known: HashMap::new(), listing: None };
        Self { namespaces: std::iter::repeat_with(new).take(count).collect(), listed: false }
    }

    /// What one watch would tell now that the one of this namespace told that. `find` knows the objects
    /// that were told before.
    pub(super) fn take(
        &mut self,
        index: usize,
        event: Event<K>,
        find: impl Fn(&ObjectRef<K>) -> Option<K>,
    ) -> Vec<Event<K>> {
        let Some(namespace) = self.namespaces.get_mut(index) else { return Vec::new() };
        if self.listed {
            return namespace.take(event, find);
        }
        match event {
            Event::Init => namespace.known.clear(),
            Event::InitApply(object) | Event::Apply(object) => {
                namespace.known.insert(ObjectRef::from_obj(&object), Some(object));
            }
            Event::Delete(object) => drop(namespace.known.remove(&ObjectRef::from_obj(&object))),
            Event::InitDone => (namespace.listed, namespace.missing) = (true, false),
        }
        self.once_listed()
    }

    /// The first list of this namespace was refused: it is not there, or not for us. Whether that is
    /// news, and what one watch would tell now.
    pub(super) fn missing(&mut self, index: usize) -> (bool, Vec<Event<K>>) {
        let Some(namespace) = self.namespaces.get_mut(index) else { return (false, Vec::new()) };
        if namespace.listed || namespace.missing {
            return (false, Vec::new());
        }
        namespace.missing = true;
        // Of a list that was refused in its middle.
        namespace.known.clear();
        (true, if self.listed { Vec::new() } else { self.once_listed() })
    }

    /// Whether this namespace counts as empty because its list was refused.
    pub(super) fn is_missing(&self, index: usize) -> bool {
        self.namespaces.get(index).is_some_and(|namespace| namespace.missing)
    }

    /// The lists as one, once there is none to wait for.
    fn once_listed(&mut self) -> Vec<Event<K>> {
        let known = |one: &Namespace<K>| one.listed || one.missing;
        self.listed =
            self.namespaces.iter().all(known) && self.namespaces.iter().any(|one| one.listed);
        if !self.listed {
            return Vec::new();
        }
        let objects = self.namespaces.iter_mut().flat_map(|one| one.known.values_mut());
        let objects = objects.filter_map(Option::take).map(Event::InitApply);
        std::iter::once(Event::Init).chain(objects).chain([Event::InitDone]).collect()
    }
}

impl<K: Resource + Clone> Namespace<K>
where
    K::DynamicType: Default + Hash + Eq + Clone,
{
    fn take(
        &mut self,
        event: Event<K>,
        find: impl Fn(&ObjectRef<K>) -> Option<K>,
    ) -> Vec<Event<K>> {
        match event {
            Event::Init => {
                self.listing = Some(HashSet::new());
                Vec::new()
            }
            Event::InitApply(object) | Event::Apply(object) => {
                let reference = ObjectRef::from_obj(&object);
                if let Some(listing) = &mut self.listing {
                    listing.insert(reference.clone());
                }
                self.known.insert(reference, None);
                vec![Event::Apply(object)]
            }
            Event::Delete(object) => {
                self.known.remove(&ObjectRef::from_obj(&object));
                vec![Event::Delete(object)]
            }
            Event::InitDone => {
                (self.listed, self.missing) = (true, false);
                let Some(listing) = self.listing.take() else { return Vec::new() };
                let gone: Vec<ObjectRef<K>> =
                    self.known.keys().filter(|known| !listing.contains(known)).cloned().collect();
                for reference in &gone {
                    self.known.remove(reference);
                }
                gone.iter().filter_map(find).map(Event::Delete).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;

    use super::*;

    fn map(namespace: &str, name: &str) -> ConfigMap {
        let mut map = ConfigMap::default();
        map.metadata.name = Some(name.to_owned());
        map.metadata.namespace = Some(namespace.to_owned());
        map
    }

    fn told(events: &[Event<ConfigMap>]) -> Vec<String> {
        let full = |map: &ConfigMap| format!("{}/{}", map.namespace().unwrap(), map.name_any());
        let mut told: Vec<String> = events
            .iter()
            .map(|event| match event {
                Event::Init => "init".to_owned(),
                Event::InitApply(map) => format!("listed {}", full(map)),
                Event::InitDone => "listed".to_owned(),
                Event::Apply(map) => format!("is {}", full(map)),
                Event::Delete(map) => format!("gone {}", full(map)),
            })
            .collect();
        // A list has no order.
        if let Some(objects) = told.get_mut(1..) {
            objects.sort();
        }
        told
    }

    fn find(reference: &ObjectRef<ConfigMap>) -> Option<ConfigMap> {
        Some(map(reference.namespace.as_deref()?, &reference.name))
    }

    #[test]
    fn the_first_lists_are_one_list() {
        let mut several = Several::new(2);
        let mut take = |index, event| told(&several.take(index, event, find));
        assert!(take(0, Event::Init).is_empty());
        assert!(take(0, Event::InitApply(map("a", "1"))).is_empty());
        assert!(take(0, Event::InitDone).is_empty());
        assert!(take(1, Event::Init).is_empty());
        // What changes while the others are still listed is not lost.
        assert!(take(0, Event::Apply(map("a", "2"))).is_empty());
        assert!(take(0, Event::Delete(map("a", "1"))).is_empty());
        assert!(take(1, Event::InitApply(map("b", "1"))).is_empty());
        // A list that begins anew forgets what it said.
        assert!(take(1, Event::Init).is_empty());
        assert!(take(1, Event::InitApply(map("b", "3"))).is_empty());
        assert_eq!(take(1, Event::InitDone), ["init", "listed", "listed a/2", "listed b/3"]);
        assert_eq!(take(0, Event::Apply(map("a", "4"))), ["is a/4"]);
        assert_eq!(take(1, Event::Delete(map("b", "3"))), ["gone b/3"]);
    }

    #[test]
    fn a_namespace_that_is_gone_is_not_waited_for_and_comes_as_changes_should_it_come() {
        let mut several = Several::new(2);
        several.take(0, Event::Init, find);
        several.take(0, Event::InitApply(map("a", "1")), find);
        assert!(several.take(0, Event::InitDone, find).is_empty());
        several.take(1, Event::Init, find);
        several.take(1, Event::InitApply(map("b", "half of a list")), find);
        let (news, events) = several.missing(1);
        assert!(news && several.is_missing(1) && !several.is_missing(0));
        assert_eq!(told(&events), ["init", "listed", "listed a/1"]);
        // Asked again and again, and told once.
        several.take(1, Event::Init, find);
        let (news, events) = several.missing(1);
        assert!(!news && events.is_empty());
        several.take(1, Event::Init, find);
        assert_eq!(told(&several.take(1, Event::InitApply(map("b", "1")), find)), ["is b/1"]);
        assert!(several.take(1, Event::InitDone, find).is_empty());
        assert!(!several.is_missing(1));
        // What was listed once is known, whatever is refused later.
        assert!(!several.missing(1).0 && !several.missing(0).0);
    }

    #[test]
    fn whoever_may_see_nothing_at_all_has_not_seen_that_there_is_nothing() {
        let mut several = Several::<ConfigMap>::new(2);
        for index in [0, 1] {
            let (news, events) = several.missing(index);
            assert!(news && events.is_empty());
        }
        several.take(1, Event::Init, find);
        several.take(1, Event::InitApply(map("b", "1")), find);
        let events = several.take(1, Event::InitDone, find);
        assert_eq!(told(&events), ["init", "listed", "listed b/1"]);
    }

    #[test]
    fn a_list_that_begins_anew_says_nothing_of_the_other_namespaces() {
        let mut several = Several::new(2);
        let mut take = |index, event| told(&several.take(index, event, find));
        for index in [0, 1] {
            let namespace = ["a", "b"][index];
            take(index, Event::Init);
            take(index, Event::InitApply(map(namespace, "1")));
            take(index, Event::InitApply(map(namespace, "2")));
            take(index, Event::InitDone);
        }
        assert!(take(0, Event::Init).is_empty());
        assert_eq!(take(0, Event::InitApply(map("a", "2"))), ["is a/2"]);
        assert_eq!(take(0, Event::InitApply(map("a", "3"))), ["is a/3"]);
        assert_eq!(take(0, Event::InitDone), ["gone a/1"]);
        // And only once.
        take(0, Event::Init);
        take(0, Event::InitApply(map("a", "2")));
        assert_eq!(take(0, Event::InitDone), ["gone a/3"]);
    }
}
