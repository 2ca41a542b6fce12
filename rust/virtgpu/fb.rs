// SPDX-License-Identifier: GPL-2.0
//! Framebuffers: pixels of a buffer object, and the host resource they are shown by.
use drm::kms::{DriverFramebuffer, FramebufferInfo};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{Arc, Mutex},
};

use crate::{
    drv::{Device, VirtGpu},
    format, gem,
    resource::Resource,
};

/// The driver's part of a framebuffer.
#[pin_data]
pub(crate) struct Fb {
    #[pin]
    resource: Mutex<Option<Arc<Resource>>>,
}

pub(crate) type Framebuffer = drm::kms::Framebuffer<Fb>;

impl DriverFramebuffer for Fb {
    type Driver = VirtGpu;

    fn check(_dev: &Device, info: &FramebufferInfo) -> Result {
        if info.pitch % 4 != 0 {
            return Err(EINVAL);
        }
        format::from_fourcc(info.fourcc).map(drop).ok_or(EINVAL)
    }

    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            resource <- new_mutex!(None),
        })
    }
}

/// Makes sure the host can show a framebuffer.
pub(crate) fn prepare(fb: &Framebuffer) -> Result {
    let mut resource = fb.resource.lock();
    if resource.is_none() {
        let info = fb.info();
        let format = format::from_fourcc(info.fourcc).ok_or(EINVAL)?;
        *resource = Some(gem::resource_for(
            fb.object(),
            format,
            info.pitch,
            info.offset,
            info.height,
        )?);
    }
    Ok(())
}

/// The resource of a framebuffer that is shown, for the panic screen: nothing is waited for.
pub(crate) fn try_resource_id(fb: &Framebuffer) -> Option<u32> {
    Some(fb.resource.try_lock()?.as_ref()?.id)
}

/// The resource of a framebuffer that was prepared.
pub(crate) fn resource(fb: &Framebuffer) -> Option<Arc<Resource>> {
    fb.resource.lock().clone()
}
