/* SPDX-License-Identifier: GPL-2.0 */
/* Linux 6.12 does not have this header; see compat/client_setup.h. */
