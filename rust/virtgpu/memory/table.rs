// SPDX-License-Identifier: GPL-2.0
//! All resources of a device.
use kernel::{
    new_mutex,
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation},
    sync::{atomic::Relaxed, Arc, Mutex},
};

use crate::{device::Device, memory::host_resource::HostResource};

struct Table {
    last: u32,
    /// None while a resource of that number is being made.
    resources: RBTree<u32, Option<Arc<HostResource>>>,
}

impl Table {
    /// Finds a number that is free, and keeps it.
    fn take_number(&mut self, node: RBTreeNodeReservation<u32, Option<Arc<HostResource>>>) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1) & 0x7fff_ffff;
            if self.last != 0 && self.resources.get(&self.last).is_none() {
                break;
            }
        }
        self.resources.insert(node.into_node(self.last, None));
        self.last
    }
}

/// All resources by number.
#[pin_data]
pub(crate) struct Resources {
    #[pin]
    table: Mutex<Table>,
    /// Held while a resource is made, and while [`restore`](Self::restore) makes all of them again,
    /// so that the device is told only once to make each of them.
    #[pin]
    pub(super) making: Mutex<()>,
}

impl Resources {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            table <- new_mutex!(Table {
                last: 0,
                resources: RBTree::new(),
            }),
            making <- new_mutex!(()),
        })
    }

    /// Finds a number that is free, and keeps what is made for it. Completions need the table, and
    /// memory may come free only with them: nothing is allocated while it is locked.
    pub(super) fn add(
        &self,
        make: impl FnOnce(u32) -> Result<Arc<HostResource>>,
    ) -> Result<Arc<HostResource>> {
        let node = RBTreeNodeReservation::new(GFP_KERNEL)?;
        let id = self.table.lock().take_number(node);
        let host = make(id).inspect_err(|_| self.remove(id))?;
        if let Some(place) = self.table.lock().resources.get_mut(&id) {
            *place = Some(host.clone());
        }
        Ok(host)
    }

    /// The host has let go of a resource, or never had it.
    pub(crate) fn remove(&self, id: u32) {
        let host = self.table.lock().resources.remove(&id);
        drop(host);
    }

    /// Creates every resource anew, without their pixels, on a device that was reset and that
    /// `start` brings up.
    ///
    /// # Errors
    ///
    /// Those of `start`.
    pub(crate) fn restore(&self, dev: &Device, start: impl FnOnce() -> Result) -> Result {
        let making = self.making.lock();
        start()?;
        let mut last = 0;
        // The table is not locked while a command waits for room in the ring.
        while let Some(host) = self.next(last) {
            if let Err(error) = host.restore(dev) {
                drm::drm_err!(dev, "resource {} is lost: {:?}\n", host.id, error);
            }
            last = host.id;
        }
        dev.transport.ctrl.restored();
        drop(making);
        dev.transport.ctrl.kick(dev);
        Ok(())
    }

    /// Calls `f` with number, format, size in pixels and bytes of the backing of each resource that
    /// the host did not refuse, and that was not given up.
    pub(crate) fn for_each(&self, mut f: impl FnMut(u32, u32, (u32, u32), u64)) {
        let mut last = 0;
        while let Some(host) = self.next(last) {
            last = host.id;
            if host.refused.load(Relaxed) || host.given_up.load(Relaxed) {
                continue;
            }
            let size = host.backing.lock().parts.iter().map(|part| part.size).sum();
            f(host.id, host.format, (host.width, host.height), size);
        }
    }

    /// The first resource behind a number.
    fn next(&self, mut last: u32) -> Option<Arc<HostResource>> {
        let table = self.table.lock();
        loop {
            let cursor = table.resources.cursor_lower_bound(&(last + 1))?;
            let (id, host) = cursor.current();
            if let Some(host) = host {
                return Some(host.clone());
            }
            last = *id;
        }
    }
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use crate::memory::host_resource::tests::host_resource;
    use kunit::{expect_eq, Test};

    /// The protocol's 0 is no resource.
    pub(crate) fn numbers_start_at_one(test: &Test) -> Result {
        let resources = KBox::pin_init(Resources::new(), GFP_KERNEL)?;
        expect_eq!(test, resources.add(host_resource)?.id, 1);
        expect_eq!(test, resources.add(host_resource)?.id, 2);
        Ok(())
    }

    pub(crate) fn used_numbers_are_skipped(test: &Test) -> Result {
        let resources = KBox::pin_init(Resources::new(), GFP_KERNEL)?;
        resources.add(host_resource)?;
        resources.table.lock().last = 0x7fff_fffe;
        expect_eq!(test, resources.add(host_resource)?.id, 0x7fff_ffff);
        // Behind the last one comes the first one that is free.
        expect_eq!(test, resources.add(host_resource)?.id, 2);
        Ok(())
    }

    pub(crate) fn every_resource_is_visited(test: &Test) -> Result {
        let resources = KBox::pin_init(Resources::new(), GFP_KERNEL)?;
        for _ in 0..3 {
            resources.add(host_resource)?;
        }
        resources.remove(2);
        let mut ids = (0, 0);
        resources.for_each(|id, _, _, _| ids = (ids.1, id));
        expect_eq!(test, ids, (1, 3));
        Ok(())
    }
}
