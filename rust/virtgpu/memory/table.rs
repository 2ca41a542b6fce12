// SPDX-License-Identifier: GPL-2.0
//! The table of all resources of a device, by number.
use kernel::{
    new_mutex,
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation},
    sync::{atomic::Relaxed, Arc, Mutex},
};

use crate::{device::Device, memory::host_resource::HostResource};

struct Table {
    last: u32,
    /// The entry is `None` while the resource is being set up.
    resources: RBTree<u32, Option<Arc<HostResource>>>,
}

impl Table {
    /// Reserves a free number.
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

/// All resources of a device.
#[pin_data]
pub(crate) struct Resources {
    #[pin]
    table: Mutex<Table>,
    /// Held while a resource is created, and while [`restore`](Self::restore) creates all of them
    /// again, so that the device is told to create each of them only once.
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

    /// Adds a resource under a free number. Nothing is allocated while the table is locked, because
    /// an allocation may wait for the end of a command, which locks the table.
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

    /// Removes a resource that the host no longer has, or never had.
    pub(crate) fn remove(&self, id: u32) {
        let host = self.table.lock().resources.remove(&id);
        drop(host);
    }

    /// Makes a device that was reset create every resource again, without its pixels. `start`
    /// brings the device up.
    ///
    /// # Errors
    ///
    /// Those of `start`.
    pub(crate) fn restore(&self, dev: &Device, start: impl FnOnce() -> Result) -> Result {
        let making = self.making.lock();
        start()?;
        let mut last = 0;
        // The table is not locked while a command is submitted, because that may wait for room in
        // the ring.
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

    /// Calls `f` with the number, format, size in pixels and size of the backing in bytes of each
    /// resource that the host did not refuse and that was not given up.
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

    /// Returns the resource with the lowest number above `last`.
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

    /// In the protocol 0 means no resource.
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
        // After the highest number comes the lowest one that is free.
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
