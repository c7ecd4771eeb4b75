//! A connection that only wants to cancel the query of another.

use crate::router::{RouterHandle, ToRouter};
use kiwi::startup::CancelKey;
use machinarium::channel::oneshot;
use machinarium::{Co, Deadline};

/// Passes the key on and waits until the server has taken the request, so that whoever sent it may rely on the
/// close. It is told nothing, not even whether the key is valid.
pub fn forward(co: &Co, router: &RouterHandle, key: CancelKey, by: Deadline) {
    let (done, answer) = oneshot::shared(co.machine());
    router.say(ToRouter::Cancel { key, done });
    // However it ends, the connection is closed.
    answer.wait(co, by).ok();
}
