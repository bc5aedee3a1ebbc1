/* What the store's tests share: a state directory, its environments, and short ways to both. They fail the test where
 * the store fails. Names are relative to the directory of the test, in which "state" is the state directory. */
#ifndef UNIT_STORE_WORLD_H
#define UNIT_STORE_WORLD_H

#include "unit.h"

#include "base/text.h"
#include "store/store.h"

/* What the store warned of, one line after the other. */
extern struct text world_warnings;
int world_count_warnings(void);
void world_remember_warning(const char *message, void *data); /* for store_new() */

/* For cmocka: the state directory is as yet missing. */
int world_make(void **state);
int world_remove(void **state);
#define TEST(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)

struct store *world_open(void **state);
DEFINE_CLEANUP(struct store *, cleanup_storep, store_free)
#define cleanup_store cleanup_with(cleanup_storep)

/* An environment that lives as long as this process; and one that is saved. */
void world_make_env(struct genv_env *env, const char *eid, uid_t uid);
void world_save(struct store *store, const char *eid, uid_t uid);

/* The identifiers that are loaded, "a b", free() it. */
char *world_load(struct store *store, enum store_access access);
void world_check_load(struct store *store, enum store_access access, const char *expected);

/* Writes a dead record, of @boot or (NULL) of this boot but of a process that is gone. */
void world_write_dead(void **state, const char *name, const char *boot);
/* Replaces the first @old of the record @name, which was saved before. */
void world_edit(void **state, const char *name, const char *old, const char *new);
/* What is in a file, free() it. */
char *world_content(void **state, const char *name);

/* For world_edit(): a device, instead of nothing; and, at their beginnings, that it is of another boot or machine. */
#define WORLD_ATTACHMENTS   "\"attachments\":[{\"uuid\":\"GPU-a\",\"time\":\"2026-11-20T10:14:12Z\"}]"
#define WORLD_OTHER_BOOT    "\"boot_id\":\"00000000-0000-0000-0000-000000000000\",\"b\":\""
#define WORLD_OTHER_MACHINE "{\"machine\":\"another\","

/* That the environment @eid, with so many members, holds GPU-a for all and for an allocation, and nobody changes it
 * here.
 */
void world_check_holder(struct store *store, const char *eid, size_t members);

/* Of what is called so, links not followed. */
bool world_has(void **state, const char *name);
void world_give(void **state, const char *name, uid_t uid);
mode_t world_mode(void **state, const char *name);

#endif
