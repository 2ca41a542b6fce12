// SPDX-License-Identifier: GPL-2.0
//! The pool of commands. A commit must not fail, so its commands come from here: some are allocated
//! in advance, and commands that have ended are used again.
use kernel::{
    prelude::*,
    time::{delay::fsleep, Delta},
};
use virtio::{lock::SpinLockBh, new_spinlock_bh};

use crate::{
    gpu::{resp, Header, Wire},
    transport::command::{Chain, Cmd, List},
};

/// Commands for frames and cursors.
#[pin_data]
pub(crate) struct Pool {
    #[pin]
    chains: SpinLockBh<KVec<Chain>>,
}

/// Calls `f` again as long as there is no memory for it, because it must not fail. May sleep.
///
/// # Errors
///
/// Those of `f` except `ENOMEM`.
#[inline]
pub(crate) fn wait_for_memory<T>(mut f: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match f() {
            Err(ENOMEM) => fsleep(Delta::from_millis(1)),
            done => return done,
        }
    }
}

/// Number of commands that are kept: more than one commit on every head needs.
const POOL_SIZE: usize = 64;

impl Pool {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            chains <- {
                let mut chains = KVec::with_capacity(POOL_SIZE, GFP_KERNEL)?;
                for _ in 0..POOL_SIZE {
                    chains.push(Chain::new(&[], 0, Cmd::new(0))?, GFP_KERNEL)?;
                }
                new_spinlock_bh!(chains)
            },
        }? Error)
    }

    /// Makes a command. Waits for memory instead of failing, because a commit must not fail.
    #[inline]
    fn make(&self, request: &[u8], response_len: usize, resp_type: u32) -> Result<Chain> {
        wait_for_memory(|| {
            // Another command may have ended meanwhile.
            let spare = self.chains.lock().pop();
            let Some(mut chain) = spare else {
                return Chain::new(request, response_len, Cmd::new(resp_type));
            };
            chain.renew(request, response_len, Cmd::new(resp_type))?;
            Ok(chain)
        })
    }

    /// Makes a command from a request whose response is only a header.
    pub(crate) fn command<R: Wire>(&self, request: &R) -> Result<Chain> {
        self.command_of_bytes(request.as_bytes())
    }

    /// Does the same for a request of at most [`REQUEST_SIZE`](virtio::virtqueue::REQUEST_SIZE) bytes.
    #[inline]
    pub(crate) fn command_of_bytes(&self, request: &[u8]) -> Result<Chain> {
        self.make(request, core::mem::size_of::<Header>(), resp::OK_NODATA)
    }

    /// Makes a command from a request without a response.
    pub(crate) fn command_without_response<R: Wire>(&self, request: &R) -> Result<Chain> {
        self.make(request.as_bytes(), 0, 0)
    }

    /// Takes a command back, to use it again.
    pub(crate) fn put(&self, chain: Chain) {
        let mut list = List::new();
        if chain.is_renewable() {
            list.push(chain);
        }
        self.put_all(list);
    }

    /// Takes commands back, to use them again. All of them must be renewable. What the pool has no room for is
    /// dropped without the lock.
    pub(super) fn put_all(&self, mut commands: List) {
        if commands.is_empty() {
            return;
        }
        let mut chains = self.chains.lock();
        let full = commands.find_map(|chain| chains.push_within_capacity(chain).err());
        drop(chains);
        drop(full);
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        gpu::{cmd, ResourceFlush},
        transport::command::{command, kind, lazily, quiet},
    };
    use kernel::transmute::AsBytes;
    use kunit::{expect, expect_eq, Test};

    const ROOM: usize = core::mem::size_of::<Header>();

    fn request(kind: u32) -> Header {
        Header {
            kind,
            ..Header::zeroed()
        }
    }

    /// Returns how many commands a pool has, and how many it can have.
    fn size(pool: &Pool) -> (usize, usize) {
        let chains = pool.chains.lock();
        (chains.len(), chains.capacity())
    }

    /// Nothing of the old command is in the new one.
    pub(crate) fn used_command_comes_back_clean(test: &Test) -> Result {
        let pool = KBox::pin_init(Pool::new(), GFP_KERNEL)?;
        let first = lazily(quiet(pool.command(&request(cmd::UPDATE_CURSOR))?));
        let left = size(&pool).0;
        pool.put(first);
        expect_eq!(test, size(&pool).0, left + 1);
        let request = ResourceFlush {
            hdr: request(cmd::RESOURCE_FLUSH),
            ..ResourceFlush::zeroed()
        };
        let chain = pool.command(&request)?;
        expect_eq!(test, size(&pool).0, left);
        expect_eq!(test, kind(&chain), cmd::RESOURCE_FLUSH);
        expect_eq!(test, chain.request(), request.as_bytes());
        expect!(test, !chain.data().quiet && !chain.data().lazy);
        Ok(())
    }

    /// Before any command has ended.
    pub(crate) fn pool_has_commands_in_advance(test: &Test) -> Result {
        let pool = KBox::pin_init(Pool::new(), GFP_KERNEL)?;
        expect_eq!(test, size(&pool).0, POOL_SIZE);
        let chain = pool.command(&request(cmd::RESOURCE_FLUSH))?;
        expect_eq!(test, size(&pool).0, POOL_SIZE - 1);
        expect_eq!(test, kind(&chain), cmd::RESOURCE_FLUSH);
        expect_eq!(test, chain.response_room(), ROOM);
        Ok(())
    }

    pub(crate) fn pool_keeps_so_many_commands(test: &Test) -> Result {
        let pool = KBox::pin_init(Pool::new(), GFP_KERNEL)?;
        for _ in 0..POOL_SIZE + 8 {
            pool.put(command(&request(cmd::RESOURCE_FLUSH))?);
        }
        let (len, capacity) = size(&pool);
        expect!(test, len >= POOL_SIZE);
        expect_eq!(test, len, capacity);
        Ok(())
    }

    /// A list may be longer than the pool's room for it: each command is dropped without the next one.
    pub(crate) fn pool_takes_a_list(test: &Test) -> Result {
        let pool = KBox::pin_init(Pool::new(), GFP_KERNEL)?;
        let (mut taken, mut list) = (List::new(), List::new());
        for _ in 0..3 {
            taken.push(pool.command(&request(cmd::RESOURCE_FLUSH))?);
        }
        let left = size(&pool).0;
        pool.put_all(taken);
        expect_eq!(test, size(&pool).0, left + 3);
        for _ in 0..POOL_SIZE * 64 {
            list.push(command(&request(cmd::RESOURCE_FLUSH))?);
        }
        pool.put_all(list);
        let (len, capacity) = size(&pool);
        expect_eq!(test, len, capacity);
        Ok(())
    }
}
