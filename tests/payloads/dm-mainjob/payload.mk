extra := devices/pl011.c devices/virtio_blk.c
