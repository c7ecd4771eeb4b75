//! Channels: order, closing, and what a wake-up costs.

mod util;

use machinarium::channel::{self, oneshot};
use machinarium::{ChannelError, Deadline, Machine, Spec};
use std::time::Duration;
use util::{guard, here};

#[test]
fn messages_come_in_the_order_they_were_sent() {
    here(|co| {
        let (sender, mut receiver) = channel::local(co.machine());
        co.spawn("sender", move |co| {
            for n in 0..100 {
                sender.send(n).expect("the receiver waits");
                if n % 7 == 0 {
                    co.give_way();
                }
            }
        });
        for want in 0..100 {
            assert_eq!(receiver.recv(co, guard(co)), Ok(want));
        }
        assert_eq!(receiver.recv(co, guard(co)), Err(ChannelError::Closed), "the sender has ended");
    });
}

#[test]
fn what_was_queued_comes_before_the_end() {
    here(|co| {
        let (one, mut receiver) = channel::shared(co.machine());
        let two = one.clone();
        one.send("a").expect("open");
        drop(one);
        assert_eq!(receiver.try_recv(), Ok(Some("a")));
        assert_eq!(receiver.try_recv(), Ok(None), "a sender is left");
        two.send("b").expect("open");
        drop(two);
        assert_eq!(receiver.recv(co, guard(co)), Ok("b"));
        assert_eq!(receiver.try_recv(), Err(ChannelError::Closed));
    });
}

#[test]
fn without_a_receiver_the_message_comes_back() {
    here(|co| {
        let (sender, receiver) = channel::local(co.machine());
        drop(receiver);
        assert_eq!(sender.send(1), Err(1));
        let (sender, receiver) = channel::shared(co.machine());
        assert!(sender.is_wanted());
        drop(receiver);
        assert_eq!(sender.send(2), Err(2));
        assert!(!sender.is_wanted());
    });
}

#[test]
fn a_receiver_dropped_with_messages_drops_them() {
    here(|co| {
        // The message holds a sender of the very queue it waits in.
        struct Local(Option<channel::Sender<Local>>);
        let (sender, receiver) = channel::local(co.machine());
        sender.send(Local(Some(sender.clone()))).ok().expect("open");
        drop(receiver);
        assert!(sender.send(Local(None)).is_err_and(|back| back.0.is_none()));

        struct Shared(Option<channel::SharedSender<Shared>>);
        let (sender, receiver) = channel::shared(co.machine());
        sender.send(Shared(Some(sender.clone()))).ok().expect("open");
        drop(receiver);
        assert!(sender.send(Shared(None)).is_err_and(|back| back.0.is_none()));
    });
}

#[test]
fn four_threads_send_a_hundred_thousand_messages() {
    const SENDERS: usize = 4;
    const EACH: usize = 25_000;
    here(|co| {
        let (sender, mut receiver) = channel::shared(co.machine());
        let threads: Vec<_> = (0..SENDERS)
            .map(|who| {
                let sender = sender.clone();
                let body = move |_: &machinarium::Co| {
                    (0..EACH).for_each(|n| sender.send((who, n)).expect("the receiver waits"));
                };
                Machine::start(Spec::named("sender"), body).expect("a thread")
            })
            .collect();
        drop(sender);
        let mut next = [0; SENDERS];
        while let Ok((who, n)) = receiver.recv(co, guard(co)) {
            assert_eq!(n, next[who], "one sender's messages keep their order");
            next[who] += 1;
        }
        assert_eq!(next, [EACH; SENDERS], "none is lost and the end comes after all");
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
}

#[test]
fn a_parked_receiver_is_woken_once_for_many_messages() {
    here(|co| {
        const MANY: usize = 1000;
        let (sender, mut receiver) = channel::shared(co.machine());
        let reader = co.spawn("reader", move |co| {
            assert_eq!(receiver.recv(co, guard(co)), Ok(0));
            let turn = co.machine().turn_count();
            for want in 1..MANY {
                assert_eq!(receiver.recv(co, guard(co)), Ok(want));
            }
            assert_eq!(co.machine().turn_count(), turn, "the others were there without another turn");
        });
        co.give_way();
        let turn = co.machine().turn_count();
        // This machine stands still until all are sent.
        std::thread::spawn(move || (0..MANY).for_each(|n| sender.send(n).expect("open")))
            .join()
            .expect("sent");
        co.join(reader, guard(co)).expect("it reads all");
        assert!(co.machine().turn_count() - turn <= 3, "{} turns", co.machine().turn_count() - turn);
        assert_eq!(co.machine().panics(), 0);
    });
}

#[test]
fn a_message_wakes_a_machine_that_sleeps() {
    here(|co| {
        let (ask, mut asked) = channel::shared::<oneshot::SharedReply<u32>>(co.machine());
        let other = Machine::start(Spec::named("asker"), move |co| {
            for _ in 0..500 {
                let (reply, answer) = oneshot::shared(co.machine());
                ask.send(reply).ok().expect("the other machine listens");
                assert_eq!(answer.wait(co, guard(co)), Ok(7));
            }
        })
        .expect("a thread");
        let mut served = 0;
        while let Ok(reply) = asked.recv(co, guard(co)) {
            reply.send(7).expect("the asker waits");
            served += 1;
        }
        assert_eq!(served, 500);
        other.join().expect("no panic");
    });
}

#[test]
fn an_answer_ends_as_the_reply_does() {
    here(|co| {
        let (reply, answer) = oneshot::local::<u8>(co.machine());
        drop(reply);
        assert_eq!(answer.wait(co, guard(co)), Err(ChannelError::Closed), "dropped unanswered");

        let (reply, answer) = oneshot::local(co.machine());
        drop(answer);
        assert_eq!(reply.send(3), Err(3), "nobody asks any more");

        let (reply, answer) = oneshot::local(co.machine());
        let soon = Deadline::after(co.now(), Duration::from_millis(1));
        assert_eq!(answer.wait(co, soon), Err(ChannelError::Deadline));
        assert_eq!(reply.send(4), Err(4));

        let (reply, mut answer) = oneshot::local(co.machine());
        assert_eq!(answer.try_take(), Ok(None));
        reply.send(5).expect("asked");
        assert_eq!(answer.try_take(), Ok(Some(5)));
    });
}
