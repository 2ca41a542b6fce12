// SPDX-License-Identifier: GPL-2.0
//! Rendering: what programs ask of the device by the driver's own ioctls.

pub(crate) mod ioctl;
