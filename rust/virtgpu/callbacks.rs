// SPDX-License-Identifier: GPL-2.0
//! What parts need from those above them.
use kernel::prelude::*;

use crate::{
    cursor,
    device::{Device, VirtGpu},
    display::redraw,
    image::{self, Image},
    life::{self, Question},
    memory, output, panic, pm,
    queue::{self, Chain, Trouble},
    resource,
};

/// All that may happen at the end of a command.
pub(crate) enum Done {
    Resource(resource::Done),
    Frame(output::Frame),
    Cursor(cursor::Done),
    Panic(panic::Done),
    Question(Question),
}

macro_rules! from {
    ($($name:ident($part:ty)),* $(,)?) => {$(
        impl From<$part> for Done {
            fn from(done: $part) -> Self {
                Self::$name(done)
            }
        }
    )*};
}

from! {
    Resource(resource::Done),
    Frame(output::Frame),
    Cursor(cursor::Done),
    Panic(panic::Done),
    Question(Question),
}

impl queue::Done for Done {
    fn happen(self, dev: &Device, chain: Chain, status: Result) -> Option<Chain> {
        match self {
            Self::Resource(done) => done.happen(dev, chain, status),
            Self::Frame(done) => done.happen(dev, chain, status),
            Self::Cursor(done) => done.happen(dev, chain, status),
            Self::Panic(done) => done.happen(dev, chain, status),
            Self::Question(done) => done.happen(dev, chain, status),
        }
    }
}

impl queue::Callbacks for VirtGpu {
    type Done = Done;

    fn trouble(dev: &Device, trouble: Trouble) {
        let why = match trouble {
            Trouble::Silent => return life::ask(dev),
            Trouble::RingBroken => "the ring is broken",
            Trouble::AnswersBroken => "the host broke the ring",
            Trouble::KeepsMemory => "the host cannot be told to give memory back",
            Trouble::NeedsReset => "the device asks for it",
        };
        pm::schedule_reset(dev, why);
    }

    fn closed(dev: &Device) {
        dev.life.forget();
    }
}

impl memory::callbacks::Callbacks for VirtGpu {
    type Shared = Image;

    fn make_room(dev: &Device) -> bool {
        image::give_up(dev.display.images())
    }

    fn refused(dev: &Device) {
        redraw::schedule(dev);
    }
}
