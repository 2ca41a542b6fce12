// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Capsets: what the host's renderers can do.
//!
//! Hosts and guests have different versions of the same capset. A parser takes what it knows, and takes what is
//! not there as 0. The bytes behind what it knows are in `unknown`.
use std::fmt;

/// The number of a capset, which is also the number of a kind of context.
///
/// # Examples
///
/// ```
/// use virtgpu::CapsetId;
///
/// assert_eq!(CapsetId::VENUS.to_string(), "venus");
/// assert_eq!(CapsetId(40).to_string(), "40");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CapsetId(pub u32);

impl CapsetId {
    /// OpenGL, the first version of its capset.
    pub const VIRGL: Self = Self(1);
    /// OpenGL, the second version of its capset.
    pub const VIRGL2: Self = Self(2);
    /// Vulkan by gfxstream.
    pub const GFXSTREAM_VULKAN: Self = Self(3);
    /// Vulkan by Venus.
    pub const VENUS: Self = Self(4);
    /// No renderer, but the host's Wayland compositor and the like.
    pub const CROSS_DOMAIN: Self = Self(5);
    /// The driver of the host's GPU in the guest.
    pub const DRM: Self = Self(6);

    /// The numbers that have a name.
    pub const ALL: [Self; 6] = [
        Self::VIRGL,
        Self::VIRGL2,
        Self::GFXSTREAM_VULKAN,
        Self::VENUS,
        Self::CROSS_DOMAIN,
        Self::DRM,
    ];
}

impl fmt::Display for CapsetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::VIRGL => "virgl",
            Self::VIRGL2 => "virgl2",
            Self::GFXSTREAM_VULKAN => "gfxstream-vulkan",
            Self::VENUS => "venus",
            Self::CROSS_DOMAIN => "cross-domain",
            Self::DRM => "drm",
            Self(other) => return other.fmt(f),
        })
    }
}

/// A set of capsets.
///
/// # Examples
///
/// ```
/// use virtgpu::{CapsetId, CapsetMask};
///
/// let mask = CapsetMask(1 << 2 | 1 << 4);
/// assert!(mask.contains(CapsetId::VENUS) && !mask.contains(CapsetId::DRM));
/// assert_eq!(mask.to_string(), "virgl2 venus");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CapsetMask(pub u32);

impl CapsetMask {
    /// Returns whether it contains a capset.
    ///
    /// # Examples
    ///
    /// ```
    /// use virtgpu::{CapsetId, CapsetMask};
    ///
    /// assert!(!CapsetMask::default().contains(CapsetId(1000)));
    /// ```
    #[must_use]
    pub fn contains(self, id: CapsetId) -> bool {
        self.0.checked_shr(id.0).is_some_and(|bits| bits & 1 == 1)
    }

    /// Returns the capsets in it.
    ///
    /// # Examples
    ///
    /// ```
    /// use virtgpu::{CapsetId, CapsetMask};
    ///
    /// assert_eq!(CapsetMask(1 << 6).iter().collect::<Vec<_>>(), [CapsetId::DRM]);
    /// ```
    pub fn iter(self) -> impl Iterator<Item = CapsetId> {
        (0..u32::BITS)
            .map(CapsetId)
            .filter(move |id| self.contains(*id))
    }
}

impl fmt::Display for CapsetMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, id) in self.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{id}")?;
        }
        Ok(())
    }
}

/// Reads little-endian words one after the other; those behind the end are 0.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn u32(&mut self) -> u32 {
        let mut word = [0; 4];
        let length = self.0.len().min(word.len());
        let (bytes, rest) = self.0.split_at(length);
        word[..length].copy_from_slice(bytes);
        self.0 = rest;
        u32::from_le_bytes(word)
    }

    fn bool(&mut self) -> bool {
        self.u32() != 0
    }

    fn array<const N: usize>(&mut self) -> [u32; N] {
        std::array::from_fn(|_| self.u32())
    }

    fn f32(&mut self) -> f32 {
        f32::from_bits(self.u32())
    }

    /// Reads a text that ends with a zero, or at its greatest size.
    fn text(&mut self, size: usize) -> String {
        let (bytes, rest) = self.0.split_at(self.0.len().min(size));
        self.0 = rest;
        let end = bytes
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }

    fn rest(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// The formats that a renderer supports for one purpose: a bit for each of its numbers of formats.
///
/// # Examples
///
/// ```
/// use virtgpu::capset::{FormatMask, Virgl};
///
/// let caps = Virgl::parse(&[0xff; 308]);
/// assert!(caps.render.contains(1) && !FormatMask::default().contains(600));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FormatMask(pub [u32; 16]);

impl FormatMask {
    /// Returns whether a format is supported.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!virtgpu::capset::FormatMask::default().contains(1));
    /// ```
    #[must_use]
    pub fn contains(&self, format: u32) -> bool {
        let word = self.0.get(format as usize / 32);
        word.is_some_and(|word| (word >> (format % 32)) & 1 == 1)
    }
}

/// OpenGL: the first version of the capset.
///
/// # Examples
///
/// ```
/// let caps = virtgpu::capset::Virgl::parse(&[1, 0, 0, 0]);
/// assert_eq!((caps.max_version, caps.glsl_level), (1, 0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Virgl {
    /// Newest version of the capset.
    pub max_version: u32,
    /// Formats of textures that shaders read.
    pub sampler: FormatMask,
    /// Formats that the renderer draws to.
    pub render: FormatMask,
    /// Formats of depth and stencil buffers.
    pub depth_stencil: FormatMask,
    /// Formats of vertices.
    pub vertex_buffer: FormatMask,
    /// Features, one bit each.
    pub features: u32,
    /// Version of the shading language, 330 for 3.30.
    pub glsl_level: u32,
    /// Layers of a texture.
    pub max_texture_array_layers: u32,
    /// Buffers for transform feedback.
    pub max_streamout_buffers: u32,
    /// Targets for blending with two sources.
    pub max_dual_source_render_targets: u32,
    /// Targets that are drawn to at once.
    pub max_render_targets: u32,
    /// Samples of a pixel.
    pub max_samples: u32,
    /// Kinds of primitives, one bit each.
    pub primitives: u32,
    /// Texels of a texture buffer.
    pub max_texture_buffer_size: u32,
    /// Uniform blocks of a shader.
    pub max_uniform_blocks: u32,
    /// Viewports.
    pub max_viewports: u32,
    /// Components that a texture gather can select.
    pub max_texture_gather_components: u32,
    /// What this crate does not know.
    pub unknown: Vec<u8>,
}

impl Virgl {
    fn read(words: &mut Words<'_>) -> Self {
        Self {
            max_version: words.u32(),
            sampler: FormatMask(words.array()),
            render: FormatMask(words.array()),
            depth_stencil: FormatMask(words.array()),
            vertex_buffer: FormatMask(words.array()),
            features: words.u32(),
            glsl_level: words.u32(),
            max_texture_array_layers: words.u32(),
            max_streamout_buffers: words.u32(),
            max_dual_source_render_targets: words.u32(),
            max_render_targets: words.u32(),
            max_samples: words.u32(),
            primitives: words.u32(),
            max_texture_buffer_size: words.u32(),
            max_uniform_blocks: words.u32(),
            max_viewports: words.u32(),
            max_texture_gather_components: words.u32(),
            unknown: Vec::new(),
        }
    }

    /// Parses the bytes of [`CapsetId::VIRGL`].
    ///
    /// # Examples
    ///
    /// ```
    /// let caps = virtgpu::capset::Virgl::parse(&[0; 310]);
    /// assert_eq!(caps.unknown, [0, 0]);
    /// ```
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut words = Words(bytes);
        let caps = Self::read(&mut words);
        Self {
            unknown: words.rest(),
            ..caps
        }
    }
}

/// OpenGL: the second version of the capset, which begins with the first one.
///
/// # Examples
///
/// ```
/// let mut bytes = vec![0; 760];
/// bytes[696..701].copy_from_slice(b"llvm\0");
/// assert_eq!(virtgpu::capset::Virgl2::parse(&bytes).renderer, "llvm");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Virgl2 {
    /// What the first version has.
    pub v1: Virgl,
    /// Least and greatest size of points in pixels, with sharp edges.
    pub aliased_point_size: [f32; 2],
    /// The same with smooth edges.
    pub smooth_point_size: [f32; 2],
    /// Least and greatest width of lines in pixels, with sharp edges.
    pub aliased_line_width: [f32; 2],
    /// The same with smooth edges.
    pub smooth_line_width: [f32; 2],
    /// Greatest bias of the level of detail.
    pub max_texture_lod_bias: f32,
    /// Vertices that a geometry shader writes.
    pub max_geom_output_vertices: u32,
    /// Components that a geometry shader writes.
    pub max_geom_total_output_components: u32,
    /// Outputs of a vertex shader.
    pub max_vertex_outputs: u32,
    /// Inputs of a vertex shader.
    pub max_vertex_attribs: u32,
    /// Components of a patch.
    pub max_shader_patch_components: u32,
    /// Least and greatest offset of a texel, as the renderer's signed numbers.
    pub texel_offset: [u32; 2],
    /// The same for texture gathers.
    pub texture_gather_offset: [u32; 2],
    /// What offsets into texture buffers are multiples of, in bytes.
    pub texture_buffer_offset_alignment: u32,
    /// The same for uniform buffers.
    pub uniform_buffer_offset_alignment: u32,
    /// The same for storage buffers.
    pub shader_buffer_offset_alignment: u32,
    /// Features, one bit each.
    pub capability_bits: u32,
    /// Positions of samples.
    pub sample_locations: [u32; 8],
    /// Greatest distance of vertices in bytes.
    pub max_vertex_attrib_stride: u32,
    /// Storage buffers of fragment and compute shaders.
    pub max_shader_buffer_frag_compute: u32,
    /// Storage buffers of other shaders.
    pub max_shader_buffer_other_stages: u32,
    /// Images of fragment and compute shaders.
    pub max_shader_image_frag_compute: u32,
    /// Images of other shaders.
    pub max_shader_image_other_stages: u32,
    /// Samples of an image.
    pub max_image_samples: u32,
    /// Invocations of a work group.
    pub max_compute_work_group_invocations: u32,
    /// Bytes that a work group shares.
    pub max_compute_shared_memory_size: u32,
    /// Work groups in each direction.
    pub max_compute_grid_size: [u32; 3],
    /// Invocations of a work group in each direction.
    pub max_compute_block_size: [u32; 3],
    /// Width and height of a texture in pixels.
    pub max_texture_2d_size: u32,
    /// Each side of a volume in pixels.
    pub max_texture_3d_size: u32,
    /// Each side of a cube in pixels.
    pub max_texture_cube_size: u32,
    /// Storage buffers of all shaders of a program.
    pub max_combined_shader_buffers: u32,
    /// Atomic counters of each kind of shaders.
    pub max_atomic_counters: [u32; 6],
    /// Buffers of atomic counters of each kind of shaders.
    pub max_atomic_counter_buffers: [u32; 6],
    /// Atomic counters of all shaders of a program.
    pub max_combined_atomic_counters: u32,
    /// Buffers of atomic counters of all shaders of a program.
    pub max_combined_atomic_counter_buffers: u32,
    /// Version of the host's checks of its features.
    pub host_feature_check_version: u32,
    /// Formats that are read back without conversion.
    pub readback: FormatMask,
    /// Formats that the host shows.
    pub scanout: FormatMask,
    /// More features, one bit each.
    pub capability_bits_v2: u32,
    /// Memory of the host's GPU in MiB.
    pub max_video_memory: u32,
    /// Name of the host's renderer.
    pub renderer: String,
    /// What this crate does not know.
    pub unknown: Vec<u8>,
}

impl Virgl2 {
    /// Bytes of the renderer's name.
    const RENDERER: usize = 64;

    /// Parses the bytes of [`CapsetId::VIRGL2`].
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(virtgpu::capset::Virgl2::parse(&[]), Default::default());
    /// ```
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut words = Words(bytes);
        let range = |words: &mut Words<'_>| [words.f32(), words.f32()];
        Self {
            v1: Virgl::read(&mut words),
            aliased_point_size: range(&mut words),
            smooth_point_size: range(&mut words),
            aliased_line_width: range(&mut words),
            smooth_line_width: range(&mut words),
            max_texture_lod_bias: words.f32(),
            max_geom_output_vertices: words.u32(),
            max_geom_total_output_components: words.u32(),
            max_vertex_outputs: words.u32(),
            max_vertex_attribs: words.u32(),
            max_shader_patch_components: words.u32(),
            texel_offset: words.array(),
            texture_gather_offset: words.array(),
            texture_buffer_offset_alignment: words.u32(),
            uniform_buffer_offset_alignment: words.u32(),
            shader_buffer_offset_alignment: words.u32(),
            capability_bits: words.u32(),
            sample_locations: words.array(),
            max_vertex_attrib_stride: words.u32(),
            max_shader_buffer_frag_compute: words.u32(),
            max_shader_buffer_other_stages: words.u32(),
            max_shader_image_frag_compute: words.u32(),
            max_shader_image_other_stages: words.u32(),
            max_image_samples: words.u32(),
            max_compute_work_group_invocations: words.u32(),
            max_compute_shared_memory_size: words.u32(),
            max_compute_grid_size: words.array(),
            max_compute_block_size: words.array(),
            max_texture_2d_size: words.u32(),
            max_texture_3d_size: words.u32(),
            max_texture_cube_size: words.u32(),
            max_combined_shader_buffers: words.u32(),
            max_atomic_counters: words.array(),
            max_atomic_counter_buffers: words.array(),
            max_combined_atomic_counters: words.u32(),
            max_combined_atomic_counter_buffers: words.u32(),
            host_feature_check_version: words.u32(),
            readback: FormatMask(words.array()),
            scanout: FormatMask(words.array()),
            capability_bits_v2: words.u32(),
            max_video_memory: words.u32(),
            renderer: words.text(Self::RENDERER),
            unknown: words.rest(),
        }
    }
}

/// Vulkan by Venus.
///
/// # Examples
///
/// ```
/// use virtgpu::capset::{Venus, Version};
///
/// let caps = Venus::parse(&[1, 0, 0, 0, 0x33, 0x41, 0x40, 0]);
/// assert_eq!(caps.vk_xml_version.to_string(), "1.4.307");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // The capset has as many.
pub struct Venus {
    /// Version of the encoding of commands.
    pub wire_format_version: u32,
    /// Newest version of Vulkan that the host can decode.
    pub vk_xml_version: Version,
    /// Version of the extension for serialization.
    pub vk_ext_command_serialization_spec_version: u32,
    /// Version of Venus' own extension.
    pub vk_mesa_venus_protocol_spec_version: u32,
    /// A blob with the number 0 is shared memory.
    pub supports_blob_id_0: bool,
    /// Extensions that the host can decode, one bit each. Bit 0 says that the mask is valid.
    pub vk_extension_mask: [u32; 32],
    /// The guest may wait for semaphores and fences of the host.
    pub allow_vk_wait_syncs: bool,
    /// Each queue has its own ring.
    pub supports_multiple_timelines: bool,
    /// Memory of the host has to come from the guest's heap for it.
    pub use_guest_vram: bool,
    /// What this crate does not know.
    pub unknown: Vec<u8>,
}

impl Venus {
    /// Parses the bytes of [`CapsetId::VENUS`].
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!virtgpu::capset::Venus::parse(&[]).supports_blob_id_0);
    /// ```
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut words = Words(bytes);
        Self {
            wire_format_version: words.u32(),
            vk_xml_version: Version(words.u32()),
            vk_ext_command_serialization_spec_version: words.u32(),
            vk_mesa_venus_protocol_spec_version: words.u32(),
            supports_blob_id_0: words.bool(),
            vk_extension_mask: words.array(),
            allow_vk_wait_syncs: words.bool(),
            supports_multiple_timelines: words.bool(),
            use_guest_vram: words.bool(),
            unknown: words.rest(),
        }
    }
}

/// A version of Vulkan.
///
/// # Examples
///
/// ```
/// assert_eq!(virtgpu::capset::Version(1 << 22 | 3 << 12 | 250).to_string(), "1.3.250");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{}.{}",
            self.0 >> 22,
            (self.0 >> 12) & 0x3ff,
            self.0 & 0xfff
        )
    }
}

/// The host's services for other programs than renderers.
///
/// # Examples
///
/// ```
/// let caps = virtgpu::capset::CrossDomain::parse(&[1, 0, 0, 0, 3, 0, 0, 0]);
/// assert_eq!((caps.version, caps.supported_channels), (1, 3));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrossDomain {
    /// Version of the protocol.
    pub version: u32,
    /// Kinds of channels, one bit each. Bit 1 is Wayland.
    pub supported_channels: u32,
    /// Memory of the host's GPU can be shared.
    pub supports_dmabuf: bool,
    /// The guest's GPU memory can be used by the host.
    pub supports_external_gpu_memory: bool,
    /// What this crate does not know.
    pub unknown: Vec<u8>,
}

impl CrossDomain {
    /// Parses the bytes of [`CapsetId::CROSS_DOMAIN`].
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(virtgpu::capset::CrossDomain::parse(&[0; 17]).unknown, [0]);
    /// ```
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut words = Words(bytes);
        Self {
            version: words.u32(),
            supported_channels: words.u32(),
            supports_dmabuf: words.bool(),
            supports_external_gpu_memory: words.bool(),
            unknown: words.rest(),
        }
    }
}

/// The driver of the host's GPU in the guest ("native context").
///
/// # Examples
///
/// ```
/// let caps = virtgpu::capset::Drm::parse(&[2, 0, 0, 0, 1, 0, 0, 0]);
/// assert_eq!((caps.wire_format_version, caps.version[0]), (2, 1));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drm {
    /// Version of the encoding of commands.
    pub wire_format_version: u32,
    /// Version of the host's driver: major, minor, patchlevel.
    pub version: [u32; 3],
    /// Number of the host's driver.
    pub context_type: u32,
    /// The data of that driver, behind a word that is padding.
    pub unknown: Vec<u8>,
}

impl Drm {
    /// Parses the bytes of [`CapsetId::DRM`].
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(virtgpu::capset::Drm::parse(&[0; 25]).unknown, [0]);
    /// ```
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut words = Words(bytes);
        let caps = Self {
            wire_format_version: words.u32(),
            version: words.array(),
            context_type: words.u32(),
            unknown: Vec::new(),
        };
        let _padding = words.u32();
        Self {
            unknown: words.rest(),
            ..caps
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_where_the_renderer_has_them() {
        let mut bytes = vec![0; 1384];
        // The driver of this repository changes these two words, by their offsets.
        bytes[392] = 7;
        bytes[688] = 9;
        bytes[484] = 11;
        let caps = Virgl2::parse(&bytes);
        assert_eq!((caps.capability_bits, caps.capability_bits_v2), (7, 9));
        assert_eq!(caps.max_texture_2d_size, 11);
        assert_eq!(caps.unknown.len(), 1384 - 760);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_capset(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let unknown = [
                (Virgl::parse(&bytes).unknown, 308),
                (Virgl2::parse(&bytes).unknown, 760),
                (Venus::parse(&bytes).unknown, 160),
                (CrossDomain::parse(&bytes).unknown, 16),
                (Drm::parse(&bytes).unknown, 24),
            ];
            for (rest, known) in unknown {
                prop_assert_eq!(rest, bytes.get(known..).unwrap_or_default());
            }
        }
    }
}
