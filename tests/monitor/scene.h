/* A scene for tests: one host with two devices and two environments, which each test changes as it likes. */
#ifndef TESTS_MONITOR_SCENE_H
#define TESTS_MONITOR_SCENE_H

#include "monitor/observation.h"

struct scene {
    struct observation observation;
    struct observed_host host;
    struct genv_snapshot snapshot;
    struct genv_device devices[2];   /* of 16 GiB: 0 works, 1 does not */
    struct genv_env envs[2];         /* "train" of ann, with 4 GiB on device 0; "play" of bob, with all of device 1 */
    struct genv_attachment train[2]; /* the first is attached */
    struct genv_attachment play[1];
    struct genv_gpu_process processes[2]; /* 41 of train uses 3 GiB of device 0; 42 of nobody 1 GiB of device 1 */
    struct genv_usage usages[2];
};

#define GIB (UINT64_C(1) << 30)

/* Nothing in it is allocated, so it is never released. It must not move. */
void scene_init(struct scene *scene);

/* Goes on by @seconds. */
void scene_pass(struct scene *scene, time_t seconds);

#endif
