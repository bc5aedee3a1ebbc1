/* What the tests of enforcement share: a simulated machine with two devices of 16 GiB, on which real processes are made
 * to use memory, and a state directory of its own. */
#ifndef TESTS_ENFORCE_WORLD_H
#define TESTS_ENFORCE_WORLD_H

#include "unit/unit.h"

#include <genv/genv.h>

#include "enforce/act.h"
#include "policy/enforce.h"

#define NON_ENV (1U << RULE_NON_ENV_PROCESSES)
#define DEVICES (1U << RULE_ENV_DEVICES)
#define MEMORY  (1U << RULE_ENV_MEMORY)
#define MAXIMUM (1U << RULE_MAX_DEVICES)

#define GIB (UINT64_C(1) << 30)

/* Set-up and teardown of a test; *state is the test's directory, "state" in it the one of genv. */
int world_make(void **state);
int world_remove(void **state);
#define TEST(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)

/* In the place of UNIT_MAIN(), for tests that look for their processes in /proc. */
#define WORLD_MAIN(tests)                                                                                              \
    static int run_group(void)                                                                                         \
    {                                                                                                                  \
        return cmocka_run_group_tests(tests, NULL, NULL);                                                              \
    }                                                                                                                  \
                                                                                                                       \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        return world_main(run_group);                                                                                  \
    }

/* Says that all is skipped where /proc is that of another PID namespace. */
int world_main(int (*run_group)(void));

/* Lets process @pid use @bytes of the device from now on, or none (0). GENV_UNKNOWN_U64: the driver does not say. */
void world_use(unsigned device, pid_t pid, uint64_t bytes);
void world_use_nothing(void);

struct genv *world_open(void);

/* Whether user A can load the simulated NVML: not below a folder such as /root. */
bool world_is_users_too(void);
#define skip_unless_users_too()                                                                                        \
    skip_unless(world_is_users_too(), "other users cannot read the build folder: clone the repository elsewhere")

/* An environment of this process, attached to @count devices; its children belong to it. */
void world_activate(struct genv *g, const char *eid, int count, uint64_t gpu_memory);
/* How many devices that is attached to. */
size_t world_attached(struct genv *g, const char *eid);

/* What @rules, a mask, say of the machine as it is now; for the maxima, everyone may hold @devices. */
void world_survey(struct genv *g, unsigned rules, uint64_t devices, struct violation_list *ret_list);

/* A process that waits for signals. */
pid_t world_start(uid_t uid);
/* The same, and SIGTERM does nothing to it. */
pid_t world_start_stubborn(void);
/* Whether the child lives; it is not a zombie then. */
bool world_lives(pid_t pid);
/* Ends the child. */
void world_end(pid_t pid);

/* On a machine whose driver means the PIDs that the test sees, in whatever PID namespace it runs. */
struct acts *world_acts(struct genv *g, bool dry_run, double kill_after_seconds);
/* As genv itself makes them: a driver's PIDs are the host's. */
struct acts *world_acts_by_a_driver(struct genv *g);
/* Surveys, lets @between happen to @pid (NULL: nothing), and acts; for the maxima, everyone may hold one device. */
void world_survey_and_act(struct genv *g, struct acts *acts, unsigned rules, void (*between)(pid_t pid), pid_t pid);
/* Whether @count reports were made since the last call, the last of @pid (0: a detachment) with that outcome. */
bool world_matches(size_t count, pid_t pid, enum act_outcome outcome);
#define world_check(count, pid, outcome) assert_true(world_matches(count, pid, outcome))

#endif
