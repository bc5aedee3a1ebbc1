/* Snapshots to draw, made of plain data. */
#ifndef TESTS_TOP_SCENE_H
#define TESTS_TOP_SCENE_H

#include "../unit/unit.h"

#include "top/draw.h"
#include "top/keys.h"

/* Two devices and a lost one; paul's environment 1573 "train" on 0 and 1, lisa's "eval" with 4 GiB on device 1, a
 * detached one with a wide name; a process of each of the first two (lisa's on device 0 too), a stranger's on device 1.
 */
const struct genv_snapshot *scene_small(void);
/* So many devices, environments and processes. Until the next call. */
const struct genv_snapshot *scene_large(size_t device_count, size_t env_count, size_t process_count);

/* The scene at noon, seen by @choice, without trends. */
struct picture scene_picture(const struct genv_snapshot *snapshot, const struct choice *choice);

/* The text of a screen, or (height 0) of all; free() it. */
char *scene_draw(const struct picture *picture, int width, int height);

#endif
