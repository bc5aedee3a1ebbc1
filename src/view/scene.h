/* What one call may show: the environment that the program is in, as it stands at this moment. */
#ifndef VIEW_SCENE_H
#define VIEW_SCENE_H

#include "model/env.h"

struct scene {
    bool shows_everything; /* the program is in no environment */
    struct genv_env *env;  /* NULL where there is nothing to show: it has ended, or is another user's */
    bool borrows_kept;     /* @env is the one that is kept between calls, locked until the end of this one */
    struct env_list own;   /* else it is here */
    int saved_errno;
};

/* Whether the program is in an environment, which may be over. */
bool scene_is_wanted(void);

/* Remembers errno, looks at the environment's record and judges its members; scene_end() gives errno back. */
struct scene scene_begin(void);
void scene_end(struct scene *scene);

/* The beginning of a function that shows a part of the machine. */
#define ENTER() cleanup_with(scene_end) struct scene scene = scene_begin()

/* proc_pid_namespace(), asked for once in each process. */
uint64_t scene_pid_namespace(void);

/* The attachment to the device of that UUID, or NULL. */
const struct genv_attachment *scene_attachment(const struct scene *scene, const char *uuid);
/* Whether the process, by the number that the driver gives it, is one of the environment's. */
bool scene_has_process(const struct scene *scene, unsigned pid);

#endif
