//! Whether something panicked: a task's panic ends the task, and nobody else need notice.

use std::{
    cell::Cell,
    panic::{set_hook, take_hook},
    sync::Once,
};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Panics on this thread while `work` ran, whoever caught them, and what came of it.
pub fn count<T>(work: impl FnOnce() -> T) -> (u64, T) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            COUNT.set(COUNT.get() + 1);
            usual(panic);
        }));
    });
    let before = COUNT.get();
    let value = work();
    (COUNT.get() - before, value)
}
