/* What the tests of libgenv share: a machine of four simulated devices, with a state directory of its own. */
#ifndef TESTS_UNIT_MACHINE_H
#define TESTS_UNIT_MACHINE_H

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <genv/genv.h>

/* Set-up and teardown of a test; *state is the test's directory, "state" in it the one of genv. */
int machine_make(void **state);
int machine_remove(void **state);
#define TEST(test) cmocka_unit_test_setup_teardown(test, machine_make, machine_remove)

struct genv *machine_open(const char *directory);
static inline void machine_closep(struct genv **g)
{
    genv_close(*g);
}
#define cleanup_genv cleanup_with(machine_closep)
static inline void machine_free_envp(struct genv_env **env)
{
    genv_env_free(*env);
}
#define cleanup_env cleanup_with(machine_free_envp)

/* The warnings since the test began, each with a newline behind it. */
const char *machine_warnings(void);

/* Creates, or enters, @eid with this process as its member; fails the test if it can't. */
void machine_activate(struct genv *g, const char *eid);
/* A process that lives until machine_end(), for unit_start(). */
int machine_sleep(void *data);
void machine_end(pid_t pid);
/* Sets the capacity of @eid. */
int machine_set_capacity(struct genv *g, const char *eid, uint64_t capacity, struct genv_error *err);
/* genv_attach() of a count. */
int machine_attach(struct genv *g, const char *eid, int count, struct genv_error *err);
int machine_attach_index(struct genv *g, const char *eid, int index, bool over_subscribe, struct genv_error *err);
/* The devices that @eid is attached to, as "0,2"; "?" where there is no such environment. Until the next call. */
const char *machine_indices(struct genv *g, const char *eid);

/* Fails the test unless @err says @part in one line and has @code. */
void machine_check_error(const struct genv_error *err, int code, const char *part);

#endif
