//! One direction of a relay: a scratch buffer, what of it may go out, and what must be seen whole first.

use machinarium::{Io, IoError, Machine, Scratch};
use std::rc::Rc;

/// One direction. Holds a scratch buffer only while bytes are in it.
///
/// ```text
///         start          ready            end
///   sent    |  may go out  |  held back    |  free
/// ```
#[derive(Default)]
pub struct Lane {
    scratch: Option<Scratch>,
    start: usize,
    ready: usize,
    end: usize,
    /// Bytes of the message under way that were not read yet and pass unseen.
    skip: usize,
    /// Bytes that were not read yet and are thrown away.
    drop: usize,
    /// Bytes that went out.
    moved: u64,
}

/// What a read brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filled {
    /// This many bytes more are held back for the scan.
    Bytes(usize),
    /// Nothing is there now.
    Nothing,
    /// The peer has closed.
    End,
}

impl Lane {
    /// A lane that begins where another was left: with bytes read earlier, held back for the scan, and with so many
    /// yet unread that are thrown away ([`Lane::unread_waste`]).
    pub fn resume(machine: &Rc<Machine>, bytes: &[u8], waste: usize) -> Lane {
        let mut lane = Lane { drop: waste, ..Lane::default() };
        if !bytes.is_empty() {
            let scratch = lane.scratch.insert(machine.scratch());
            scratch[..bytes.len()].copy_from_slice(bytes);
            lane.end = bytes.len();
        }
        lane
    }

    /// Whether nothing is in it and no message is cut.
    pub fn is_empty(&self) -> bool {
        self.start == self.end && self.skip == 0 && self.drop == 0
    }

    /// Whether bytes may go out.
    pub fn has_pending(&self) -> bool {
        self.start < self.ready
    }

    /// Whether a message went out in part only.
    pub fn is_cut(&self) -> bool {
        self.skip > 0
    }

    /// What is held back: the beginning of a message that must be seen whole.
    pub fn held(&self) -> &[u8] {
        match &self.scratch {
            Some(scratch) => &scratch[self.ready..self.end],
            None => &[],
        }
    }

    /// Bytes of a message thrown away that were not read yet.
    pub fn unread_waste(&self) -> usize {
        self.drop
    }

    /// Total of bytes that went out.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Passes on `bytes` of what is held back, of a message that is `whole` bytes long from here.
    pub fn pass(&mut self, whole: usize) {
        let here = whole.min(self.end - self.ready);
        self.ready += here;
        self.skip = whole - here;
    }

    /// Throws away the message at the front of what is held back, `whole` bytes long from there.
    pub fn discard(&mut self, whole: usize) {
        let bytes = whole.min(self.end - self.ready);
        self.drop = whole - bytes;
        self.cut_out(bytes);
    }

    /// Throws away everything that is held back.
    pub fn discard_all(&mut self) {
        self.cut_out(self.end - self.ready);
    }

    fn cut_out(&mut self, bytes: usize) {
        // Nearly always: without this every read would copy what it brought onto itself.
        if bytes == 0 {
            return;
        }
        if let Some(scratch) = &mut self.scratch {
            scratch.copy_within(self.ready + bytes..self.end, self.ready);
        }
        self.end -= bytes;
        self.tidy();
    }

    /// Reads once. Only called when everything that may go out has gone.
    pub fn fill(&mut self, machine: &Rc<Machine>, from: &mut Io) -> Result<Filled, IoError> {
        debug_assert!(!self.has_pending(), "a side is not read while the other does not take what it said");
        let scratch = self.scratch.get_or_insert_with(|| machine.scratch());
        if self.start > 0 {
            scratch.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            (self.start, self.ready) = (0, 0);
        }
        let read = from.try_read(&mut scratch[self.end..]);
        let filled = match read? {
            None => Filled::Nothing,
            Some(0) => Filled::End,
            Some(n) => {
                self.end += n;
                let dropped = self.drop.min(self.end - self.ready);
                self.drop -= dropped;
                self.cut_out(dropped);
                Filled::Bytes(n)
            }
        };
        let passing = self.skip.min(self.end - self.ready);
        self.ready += passing;
        self.skip -= passing;
        if !matches!(filled, Filled::Bytes(_)) {
            self.tidy();
        }
        Ok(filled)
    }

    /// Writes what may go out, as far as it is taken. Returns how many bytes went.
    pub fn drain(&mut self, to: &mut Io) -> Result<usize, IoError> {
        let Some(scratch) = &self.scratch else { return Ok(0) };
        let written = to.try_write(&scratch[self.start..self.ready])?;
        self.start += written;
        self.moved += written as u64;
        self.tidy();
        Ok(written)
    }

    /// Gives the scratch buffer back as soon as nothing is in it.
    fn tidy(&mut self) {
        if self.start == self.end {
            self.scratch = None;
            (self.start, self.ready, self.end) = (0, 0, 0);
        }
    }
}
