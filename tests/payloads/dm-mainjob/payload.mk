# SPDX-License-Identifier: Apache-2.0
extra := devices/guest_cache.c devices/pl011.c devices/virtio_blk.c
