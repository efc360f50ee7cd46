//! The requests this side has sent and not yet seen answered.

use super::ProtocolError;
use super::header::Kind;

/// Outstanding requests, each with what the caller keeps about it.
///
/// A request number holds a slot index and a generation, so that a late or invented answer never
/// finds somebody else's request, and a look-up needs no hashing. The first slot is for a request
/// that has been numbered elsewhere.
#[derive(Debug)]
pub struct Requests<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    len: usize,
}

/// The slot of requests that are numbered elsewhere.
const RESERVED: u32 = 0;

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    request: Option<(Kind, T)>,
}

impl<T> Default for Requests<T> {
    fn default() -> Self {
        // Room for one more, which is as many as most clients ever have at a time.
        let mut slots = Vec::with_capacity(2);
        slots.push(Slot { generation: 0, request: None });
        Self { slots, free: Vec::new(), len: 0 }
    }
}

/// The number of the `count`th request that is numbered elsewhere, for
/// [`Requests::insert_numbered`].
pub fn number(count: u32) -> u64 {
    u64::from(count) << 32 | u64::from(RESERVED)
}

impl<T> Requests<T> {
    /// Notes a request of type `kind` that has its number from [`number`]; one at a time.
    pub fn insert_numbered(&mut self, reqno: u64, kind: Kind, request: T) {
        debug_assert_eq!(reqno as u32, RESERVED);
        let generation = (reqno >> 32) as u32;
        let old = std::mem::replace(
            &mut self.slots[RESERVED as usize],
            Slot { generation, request: Some((kind, request)) },
        );
        debug_assert!(old.request.is_none(), "one such request at a time");
        self.len += 1;
    }

    /// Notes a request of type `kind`; returns the request number to send.
    pub fn insert(&mut self, kind: Kind, request: T) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, request: None });
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        slot.request = Some((kind, request));
        self.len += 1;
        u64::from(slot.generation) << 32 | u64::from(index)
    }

    fn slot(&mut self, reqno: u64) -> Option<&mut Slot<T>> {
        let slot = self.slots.get_mut(reqno as u32 as usize)?;
        (slot.generation == (reqno >> 32) as u32).then_some(slot)
    }

    /// What is kept about an outstanding request.
    pub fn get_mut(&mut self, reqno: u64) -> Option<&mut T> {
        self.slot(reqno)?.request.as_mut().map(|(_, request)| request)
    }

    /// The request that an answer of type `kind` belongs to; `None` stands for a refusal, which
    /// may answer any type.
    ///
    /// # Errors
    /// [`ProtocolError::UnexpectedResponse`] when no such request is outstanding.
    pub fn handle_answer(
        &mut self,
        reqno: u64,
        kind: Option<Kind>,
    ) -> Result<&mut T, ProtocolError> {
        match self.slot(reqno).and_then(|slot| slot.request.as_mut()) {
            Some((asked, request)) if kind.is_none_or(|kind| kind == *asked) => Ok(request),
            _ => Err(ProtocolError::UnexpectedResponse {
                reqno,
                kind: kind.map_or(u16::MAX, |kind| kind as u16),
            }),
        }
    }

    /// Forgets a request; its number is not used again until the generations wrap.
    pub fn remove(&mut self, reqno: u64) -> Option<T> {
        let (_, request) = self.slot(reqno)?.request.take()?;
        if reqno as u32 != RESERVED {
            self.free.push(reqno as u32);
        }
        self.len -= 1;
        Some(request)
    }

    /// All outstanding requests.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut T)> {
        self.slots.iter_mut().enumerate().filter_map(|(index, slot)| {
            let reqno = u64::from(slot.generation) << 32 | index as u64;
            slot.request.as_mut().map(|(_, request)| (reqno, request))
        })
    }

    /// How many requests are outstanding.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no request is outstanding.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_find_only_their_own_request() {
        let mut requests = Requests::default();
        let first = requests.insert(Kind::Syscall, 'a');
        let second = requests.insert(Kind::Prefork, 'b');
        assert_eq!(requests.handle_answer(second, Some(Kind::Prefork)), Ok(&mut 'b'));
        assert!(requests.handle_answer(second, Some(Kind::Syscall)).is_err());
        assert_eq!(requests.handle_answer(first, None), Ok(&mut 'a'));
        assert_eq!(requests.remove(first), Some('a'));
        assert_eq!(requests.remove(first), None);
        assert!(requests.handle_answer(first, Some(Kind::Syscall)).is_err());
        assert_eq!(requests.len(), 1);
    }

    #[test]
    fn a_request_numbered_elsewhere_is_one_like_others() {
        let mut requests = Requests::default();
        let other = requests.insert(Kind::Syscall, 'a');
        requests.insert_numbered(number(7), Kind::Syscall, 'b');
        assert!(requests.handle_answer(number(6), Some(Kind::Syscall)).is_err());
        assert_eq!(requests.handle_answer(number(7), Some(Kind::Syscall)), Ok(&mut 'b'));
        assert_eq!(requests.len(), 2);
        assert_eq!(requests.remove(number(7)), Some('b'));
        assert_ne!(requests.insert(Kind::Syscall, 'c') as u32, RESERVED);
        assert_eq!(requests.remove(other), Some('a'));
        assert_eq!(requests.len(), 1);
    }

    #[test]
    fn a_reused_slot_does_not_take_the_old_answer() {
        let mut requests = Requests::default();
        let old = requests.insert(Kind::Syscall, 1);
        requests.remove(old);
        let new = requests.insert(Kind::Syscall, 2);
        assert_eq!(old as u32, new as u32);
        assert!(requests.handle_answer(old, Some(Kind::Syscall)).is_err());
        assert_eq!(requests.handle_answer(new, Some(Kind::Syscall)), Ok(&mut 2));
    }

    #[test]
    fn invented_numbers_find_nothing() {
        let mut requests = Requests::<()>::default();
        for reqno in [0, 1, u64::MAX, 1 << 32] {
            assert!(requests.handle_answer(reqno, None).is_err());
            assert_eq!(requests.remove(reqno), None);
        }
    }
}
