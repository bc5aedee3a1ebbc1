/* Compact JSON: what is read without a tree reads alike with one, to the last member. */
#include "fuzz.h"

#include "base/json.h"

struct point {
    int x;
    char label[8];
};

struct sample {
    char text[8];
    uint64_t number;
    int small;
    bool flag;
    struct timespec time;
    struct point *points;
    size_t point_count;
};

static const struct json_field point_fields[] = {
    {.key = "x", .kind = JSON_KIND_I32, .offset = offsetof(struct point, x)},
    {.key = "label", .kind = JSON_KIND_TEXT, .offset = offsetof(struct point, label), .size = 8, .optional = true},
};
static const struct json_table point_table = {sizeof(struct point), ARRAY_SIZE(point_fields), point_fields};

static const struct json_field fields[] = {
    {.key = "text", .kind = JSON_KIND_TEXT, .offset = offsetof(struct sample, text), .size = 8},
    {.key = "number", .kind = JSON_KIND_U64, .offset = offsetof(struct sample, number), .optional = true},
    {.key = "small", .kind = JSON_KIND_I32, .offset = offsetof(struct sample, small), .optional = true, .absent = -1},
    {.key = "flag", .kind = JSON_KIND_BOOL, .offset = offsetof(struct sample, flag), .optional = true},
    {.key = "time", .kind = JSON_KIND_TIME, .offset = offsetof(struct sample, time)},
    {.key = "points",
     .kind = JSON_KIND_ARRAY,
     .offset = offsetof(struct sample, points),
     .count_offset = offsetof(struct sample, point_count),
     .element = &point_table,
     .optional = true},
};
static const struct json_table table = {sizeof(struct sample), ARRAY_SIZE(fields), fields};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size);
    struct sample fast = {.flag = false}, slow = {.flag = false};
    cleanup_json json_t *json = NULL, *first = NULL, *second = NULL;
    bool rest = false;

    if (json_decode_compact(text, size, &table, &fast)) {
        json = json_parse(text, size, NULL);
        promise(json && json_decode_some(json, &table, &slow, &rest, NULL) == 0 && !rest);
        first = json_encode(&table, &fast);
        second = json_encode(&table, &slow);
        promise(json_equal(first, second));
    }
    free(fast.points);
    free(slow.points);
    return 0;
}
