//! The edge at which a panic stops.
//!
//! Our code panics only where it contradicts itself, and drivers where a server sends what they never
//! thought of. Either way the harm is to stay with what met it: one chunk, one run, one connection.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Code, Fault};

/// Work inside a bulkhead: see [`bulkhead`].
struct Bulkhead<F, P> {
    work: Pin<Box<F>>,
    place: Option<P>,
}

/// Does some work, and makes a panic in it a fault with `Code::Panicked`, at that place.
///
/// What the work held is dropped as it unwinds; what it shares with others must be whole at every
/// moment at which it could panic, or be dropped by the caller.
///
/// # Errors
/// Those of the work, and `Code::Panicked`. It must not be asked again after either.
pub fn bulkhead<T, E, F, P>(place: P, work: F) -> impl Future<Output = Result<T, E>>
where
    E: From<Fault>,
    F: Future<Output = Result<T, E>>,
    P: FnOnce() -> String + Unpin,
{
    Bulkhead { work: Box::pin(work), place: Some(place) }
}

/// The same for work that has no faults of its own.
///
/// # Errors
/// `Code::Panicked`.
pub fn contained<T, F, P>(place: P, work: F) -> impl Future<Output = Result<T, Fault>>
where
    F: Future<Output = T>,
    P: FnOnce() -> String + Unpin,
{
    bulkhead(place, Fine(Box::pin(work)))
}

/// Work that has no faults, as work that has none at present.
struct Fine<F>(Pin<Box<F>>);

impl<F: Future> Future for Fine<F> {
    type Output = Result<F::Output, Fault>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context).map(Ok)
    }
}

impl<T, E, F, P> Future for Bulkhead<F, P>
where
    E: From<Fault>,
    F: Future<Output = Result<T, E>>,
    P: FnOnce() -> String + Unpin,
{
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let work = this.work.as_mut();
        match catch_unwind(AssertUnwindSafe(|| work.poll(context))) {
            Ok(poll) => poll,
            Err(payload) => {
                let place = this.place.take().map(|place| place()).unwrap_or_default();
                Poll::Ready(Err(Fault::panicked(place, payload.as_ref()).into()))
            }
        }
    }
}

/// What a panic says, where that is a literal of the code. Words that were put together as it
/// panicked may quote a value, and are not repeated.
pub fn literal(payload: &(dyn Any + Send)) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

impl Fault {
    /// The fault of a panic that was caught.
    pub fn panicked(place: impl Into<String>, payload: &(dyn Any + Send)) -> Self {
        let fault = Self::new(Code::Panicked, place);
        match literal(payload) {
            Some(said) => fault.saying(said),
            None => fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll<T>(work: impl Future<Output = Result<T, Fault>>) -> Poll<Result<T, Fault>> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        std::pin::pin!(work).poll(&mut context)
    }

    #[test]
    fn a_panic_becomes_a_fault_and_quotes_no_value() {
        let value = "secret";
        let with_value = async move {
            assert!(value.is_empty(), "row {value}");
            Ok(())
        };
        let Poll::Ready(Err(fault)) = poll(bulkhead(|| "chunk 7".into(), with_value)) else {
            panic!("it passes on")
        };
        assert_eq!((fault.code(), fault.place(), fault.said()), (Code::Panicked, "chunk 7", None));
        let absurd = usize::MAX;
        let too_much = async move { Ok(Vec::<u8>::with_capacity(absurd)) };
        let Poll::Ready(Err(fault)) = poll(bulkhead(|| "a server".into(), too_much)) else {
            panic!("there is so much memory")
        };
        assert_eq!(fault.said(), Some("capacity overflow"));
        assert!(matches!(poll(bulkhead(String::new, async { Ok(7) })), Poll::Ready(Ok(7))));
    }
}
