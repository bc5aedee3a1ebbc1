/* What config.json is given: gathered here, written by edit.h. */
#ifndef CONTAINER_PLAN_H
#define CONTAINER_PLAN_H

#include <genv/genv.h>

#include "container/bundle.h"
#include "container/edit.h"
#include "container/request.h"

struct plan {
    struct edit_plan edit;                             /* points to what is below */
    struct genv_variable *variables, *owned_variables; /* libgenv's, and those with what containers have besides */
    struct text values;                                /* of these */
    struct edit_node *nodes;
    struct edit_mount *mounts;
    char *program;         /* this one */
    char **hook_variables; /* borrowed texts */
};

void plan_release(struct plan *plan);
#define cleanup_plan cleanup_with(plan_release)

/* The variables that the container's processes are to have as those of @env, with UUIDs: an index means another device
 * there. */
int plan_variables(struct plan *plan, const struct genv_env *env, struct genv_error *err);

/* What is mounted below BUNDLE_INSIDE: a copy of the environment's record, the locks of its devices and genv's own
 * programs, or a word of why the image cannot run them. Comes after plan_variables(). */
int plan_mounts(struct plan *plan, struct genv *g, struct bundle *bundle, const json_t *config,
                const struct genv_env *env, const struct container_request *request, struct genv_error *err);

/* This program, called again when the container begins and ends, with genv's variables. */
int plan_hook(struct plan *plan, struct genv_error *err);

/* Names of variables that containers have besides those of every process in an environment; the last one is NULL. */
extern const char *const plan_further_variables[];
#define PLAN_PATH_FRONT BUNDLE_INSIDE "/root/shims:" BUNDLE_INSIDE "/root/bin"

#endif
