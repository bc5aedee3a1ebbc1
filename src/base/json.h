/* JSON to and from plain structs, by table: one table says how a struct reads and how it is written. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/error.h"

#include <jansson.h>

enum json_kind {
    JSON_KIND_TEXT,   /* char[size]; printable UTF-8 that fits, or the whole object is refused */
    JSON_KIND_STRING, /* the same as a char * of its own, at most @size - 1 bytes: for whoever owns the object to free()
                       */
    JSON_KIND_U64,    /* uint64_t, in JSON at most 2^63-1 */
    JSON_KIND_I32,    /* int, not negative */
    JSON_KIND_REAL,   /* double; any number in JSON */
    JSON_KIND_BOOL,
    JSON_KIND_TIME,  /* struct timespec, in JSON RFC 3339 */
    JSON_KIND_ARRAY, /* pointer at @offset and size_t at @count_offset, elements by @element */
};

struct json_table;

struct json_field {
    const char *key; /* NULL, in a table of one field: the element of an array is this value, and no object */
    enum json_kind kind;
    bool optional; /* may be missing. Missing numbers read as @absent; @absent, false, "", empty arrays and times of
                      0 are not written */
    bool nullable; /* null reads as if it were missing, and stands for what would not be written; but false is false */
    bool derived;  /* written for other readers, and not read: further members say the same */
    bool identity; /* tells an element of an array from the others: see json_keep_rest() */
    long long absent;
    size_t offset;
    size_t size;
    size_t count_offset;
    size_t max; /* elements of an array; 0: JSON_ARRAY_MAX */
    const struct json_table *element;
};

struct json_table {
    size_t size; /* of the struct */
    size_t field_count;
    const struct json_field *fields;
};

#define JSON_ARRAY_MAX 65536 /* elements; more is refused */

/* Fills @object, which the caller has initialised, from @json. Members that the table does not have are ignored. On
 * -EINVAL @object holds what was read so far, for the caller to free: arrays are calloc()ed. */
int json_decode(const json_t *json, const struct json_table *table, void *object, struct genv_error *err);
/* The same; @ret_rest, which the caller has initialised, becomes true where members were ignored, at any depth. */
int json_decode_some(const json_t *json, const struct json_table *table, void *object, bool *ret_rest,
                     struct genv_error *err);

/* The same for a text that is just as json_encode() and json_dumps(JSON_COMPACT) write it: the members of @table, none
 * of which is derived, in its order, and nothing else. Many times faster, since nothing is made of the text but
 * @object. False: it is not (or memory ran out, or null is in it); @object then holds what was read so far, for the
 * caller to free, and json_parse() tells more. */
bool json_decode_compact(const char *text, size_t length, const struct json_table *table, void *object);

/* Texts may hold anything: what json_decode() would refuse becomes '?'. A new reference, or NULL: out of memory. */
json_t *json_encode(const struct json_table *table, const void *object);

/* Tells the members that json_encode() would write; returns as genv_snapshot_visit(). */
int json_visit(const struct json_table *table, const void *object, genv_visitor visit, void *data);

/* Whether a field that may be missing, or null, has nothing to say. */
bool json_is_absent(const struct json_field *field, const void *object);

/* Adds to @json, written by @table, what json_decode() ignored of @source: what another version wrote there survives.
 * Elements of arrays are the same if their identities are; those that @json no longer has take theirs along. -ENOMEM */
int json_keep_rest(json_t *json, const json_t *source, const struct json_table *table);

#define JSON_DEPTH_MAX  16
#define JSON_WEIGHT_MAX 1000000 /* an object weighs 5, an array 3, any other value 1: about 80 bytes each */

/* Parses a whole text; duplicate keys, anything behind the value and more than JSON_DEPTH_MAX levels are refused, and
 * so is what would take many times its length in memory: values that are empty or of a letter, beyond JSON_WEIGHT_MAX.
 */
json_t *json_parse(const char *text, size_t length, struct genv_error *err);

static inline void cleanup_json_decrefp(json_t **json)
{
    json_decref(*json);
}
#define cleanup_json cleanup_with(cleanup_json_decrefp)

#endif
