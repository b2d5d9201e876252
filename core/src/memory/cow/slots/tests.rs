//! Guests that use one slot after the other, through wasmtime.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::memory::Watch;
use wasmtime::{Config, Engine, Instance, Module, Store};

const PAGE: usize = 64 << 10;

/// Two pages; `store` writes, `load` reads, `grow` grows.
const GUEST: &str = r#"(module
  (memory (export "memory") 2)
  (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;

struct Guest {
    store: Store<()>,
    instance: Instance,
}

impl Guest {
    fn new(module: &Module, image: &Arc<MemoryImage>) -> Guest {
        let mut store = Store::new(module.engine(), ());
        let instance = SlotPool::lend(image, || Instance::new(&mut store, module, &[])).unwrap();
        Guest { store, instance }
    }

    fn load(&mut self, at: usize) -> Result<i32, wasmtime::Error> {
        let load = self.instance.get_typed_func::<i32, i32>(&mut self.store, "load")?;
        load.call(&mut self.store, at as i32)
    }

    fn store(&mut self, at: usize, value: i32) -> Result<(), wasmtime::Error> {
        let store = self.instance.get_typed_func::<(i32, i32), ()>(&mut self.store, "store")?;
        store.call(&mut self.store, (at as i32, value))
    }

    fn grow(&mut self, pages: i32) -> i32 {
        let grow = self.instance.get_typed_func::<i32, i32>(&mut self.store, "grow").unwrap();
        grow.call(&mut self.store, pages).unwrap()
    }
}

fn module(pool: &SlotPool) -> Module {
    let mut config = Config::new();
    config.with_host_memory(Arc::new(pool.clone())).memory_init_cow(false);
    Module::new(&Engine::new(&config).unwrap(), wat::parse_str(GUEST).unwrap()).unwrap()
}

fn image() -> Arc<MemoryImage> {
    MemoryImage::of_bytes(&(0..3 * PAGE).map(|at| (at % 251) as u8).collect::<Vec<_>>()).unwrap()
}

fn pools() -> [SlotPool; 4] {
    let private = [Finder::Scan, Finder::Pagemap, Finder::Discard].map(|f| SlotPool::with(f, Backing::Private));
    let [scan, pagemap, discard] = private;
    let pools = [scan, pagemap, discard, SlotPool::with(Finder::Discard, Backing::Copied)];
    // A slot that is not what it was would not come back to its pool.
    pools.iter().for_each(|pool| pool.verify_resets(true));
    pools
}

#[test]
fn guests_start_as_the_image_and_see_nothing_of_each_other() {
    for pool in pools() {
        let (module, image) = (module(&pool), image());
        for round in 0..200 {
            let mut guest = Guest::new(&module, &image);
            for at in [0, 1, 4096, PAGE + 7, 3 * PAGE - 1] {
                assert_eq!(guest.load(at).unwrap(), (at % 251) as i32);
                guest.store(at, round + 1).unwrap();
            }
            // The image is one page longer than the module's minimum.
            assert_eq!(guest.grow(2), 3);
            assert_eq!(guest.load(5 * PAGE - 1).unwrap(), 0);
            guest.store(5 * PAGE - 1, 1).unwrap();
            drop(guest);
            assert_eq!(pool.idle(), 1, "{}", pool.finder().as_str());
        }
    }
}

#[test]
fn a_guest_in_a_slot_that_a_larger_one_had_traps_one_byte_past_its_memory() {
    for pool in pools() {
        let (module, image) = (module(&pool), image());
        let mut large = Guest::new(&module, &image);
        assert_eq!(large.grow(100), 3);
        large.store(100 * PAGE, 0x5a).unwrap();
        drop(large);
        let mut next = Guest::new(&module, &image);
        assert!(next.load(3 * PAGE - 1).is_ok());
        let trap = next.load(3 * PAGE).unwrap_err();
        assert_eq!(trap.downcast_ref::<wasmtime::Trap>(), Some(&wasmtime::Trap::MemoryOutOfBounds));
    }
}

#[test]
fn two_guests_at_once_have_two_slots() {
    let pool = SlotPool::new(None);
    let (module, image) = (module(&pool), image());
    let (mut one, mut other) = (Guest::new(&module, &image), Guest::new(&module, &image));
    one.store(5, 99).unwrap();
    assert_eq!(other.load(5).unwrap(), 5);
    drop((one, other));
    assert_eq!(pool.idle(), 2);
}

#[test]
fn a_memory_that_nothing_was_lent_for_starts_empty() {
    let pool = SlotPool::new(None);
    let module = module(&pool);
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let mut guest = Guest { store, instance };
    assert_eq!(guest.load(2 * PAGE - 1).unwrap(), 0);
    assert!(guest.load(2 * PAGE).is_err());
}

#[test]
fn ten_thousand_guests_leave_no_mapping_behind() {
    let pool = SlotPool::new(None);
    let (module, image) = (module(&pool), image());
    drop(Guest::new(&module, &image));
    for _ in 0..10_000 {
        let mut guest = Guest::new(&module, &image);
        guest.store(3, 7).unwrap();
    }
    assert_eq!(pool.idle(), 1);
}

/// What a guest writes to, and how the next one is told that nothing else can have changed.
fn watched(module: &Module, image: &Arc<MemoryImage>, write: &[usize]) {
    let mut watch = Watch::start();
    let mut guest = Guest::new(module, image);
    let memory = guest.instance.get_memory(&mut guest.store, "memory").unwrap();
    watch.covers(memory.data(&guest.store));
    for at in write {
        guest.store(*at, 0x5a).unwrap();
    }
    drop(watch);
}

#[test]
fn a_guest_that_took_no_page_fault_leaves_nothing_and_one_that_wrote_a_new_page_neither() {
    let pool = SlotPool::new(None);
    pool.verify_resets(true);
    let module = module(&pool);
    let image = MemoryImage::of_bytes(&vec![3; 2 * PAGE]).unwrap();
    let page = page_bytes();
    for round in 0..200 {
        // The same pages again and again, and every now and then one that was never written.
        let pages = [0, page, if round % 7 == 0 { (round / 7 % 32) * page } else { 0 }];
        watched(&module, &image, &pages);
        // A slot that was not restored is not kept.
        assert_eq!(pool.idle(), 1, "round {round}");
        let mut guest = Guest::new(&module, &image);
        for at in (0..2 * PAGE).step_by(64) {
            assert_eq!(guest.load(at).unwrap(), 3, "round {round} at {at}");
        }
    }
}

#[test]
fn what_one_thread_saw_says_nothing_of_a_guest_that_ran_on_another() {
    let pool = SlotPool::new(None);
    pool.verify_resets(true);
    let module = module(&pool);
    let image = MemoryImage::of_bytes(&vec![3; 2 * PAGE]).unwrap();
    for round in 0..20_usize {
        let mut watch = Watch::start();
        let mut guest = Guest::new(&module, &image);
        let memory = guest.instance.get_memory(&mut guest.store, "memory").unwrap();
        watch.covers(memory.data(&guest.store));
        let (watch, guest) = std::thread::scope(|scope| {
            let away = scope.spawn(move || {
                watch.look();
                guest.store(round * page_bytes() % (2 * PAGE), 9).unwrap();
                (watch, guest)
            });
            away.join().unwrap()
        });
        drop(watch);
        drop(guest);
        assert_eq!(pool.idle(), 1, "round {round}");
    }
}

#[test]
fn comparing_finds_what_a_search_that_was_wrongly_left_out_has_missed() {
    let pool = SlotPool::new(None);
    pool.verify_resets(true);
    let module = module(&pool);
    let image = MemoryImage::of_bytes(&vec![3; 2 * PAGE]).unwrap();
    // A page fault of this thread for another reason means that the slot is searched after all.
    for round in 0..1_000_usize {
        watched(&module, &image, &[0]);
        let mut watch = Watch::start();
        let mut guest = Guest::new(&module, &image);
        let memory = guest.instance.get_memory(&mut guest.store, "memory").unwrap();
        watch.covers(memory.data(&guest.store));
        // Without `look`, against the rule: this thread takes no fault for what that one writes.
        let guest = std::thread::scope(|scope| {
            let away = scope.spawn(move || {
                guest.store(round % 31 * page_bytes() + page_bytes(), 9).unwrap();
                guest
            });
            away.join().unwrap()
        });
        drop(watch);
        drop(guest);
        let (compared, differed) = pool.compared_and_differed();
        assert_eq!(compared, 2 * (round as u64 + 1));
        if differed > 0 {
            assert_eq!((differed, pool.idle()), (1, 0), "a slot that differs is used again");
            return;
        }
    }
    panic!("the search was never left out");
}
