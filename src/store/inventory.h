/* The devices of a boot, kept so that nobody waits for the driver to list them again. */
#ifndef STORE_INVENTORY_H
#define STORE_INVENTORY_H

#include "base/error.h"
#include "base/proc.h"

#include <genv/types.h>

#define INVENTORY_KEY_SIZE 20

/* What an inventory is valid for: this boot, and the devices as the kernel tells of them, by driver/driver.h's
 * fingerprint. */
void inventory_key(const char *boot_id, uint64_t fingerprint, char key[static INVENTORY_KEY_SIZE]);

/* free() the text; NULL: out of memory. */
char *inventory_encode(const char *key, const struct genv_device *devices, size_t count);
/* -EINVAL: it is none, or one of another key. free() the devices; their samples are unknown. */
int inventory_decode(const char *text, size_t length, const char *key, struct genv_device **ret_devices,
                     size_t *ret_count, struct genv_error *err);

#endif
