/* The table of the configuration's fields, and what reads and writes by it. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "model/config.h"
#include "model/env.h"

/* Values of each kind, as people write them. */
static const char *const values[] = {
    [CONFIG_KIND_NAME] = "Norwegian 'Wood' é", [CONFIG_KIND_COUNT] = "0", [CONFIG_KIND_AMOUNT] = "42mi"};
static const char *const others[] = {
    [CONFIG_KIND_NAME] = " ", [CONFIG_KIND_COUNT] = "65535", [CONFIG_KIND_AMOUNT] = "9223372036854775807"};
static const char *const refused[][4] = {
    [CONFIG_KIND_NAME] = {"", "a\nb", "\xff", NULL},
    [CONFIG_KIND_COUNT] = {"", "-1", "65536", " 1"},
    [CONFIG_KIND_AMOUNT] = {"", "0", "4q", "9223372036854775808"},
};

static void every_row_stands_for_a_field_of_its_own(void **state)
{
    unsigned seen = 0;

    (void)state;
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        assert_false(seen & config_fields[i].bit);
        seen |= config_fields[i].bit;
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(config_fields[i].name, config_fields[k].name);
            assert_string_not_equal(config_fields[i].key, config_fields[k].key);
            assert_string_not_equal(config_fields[i].variable, config_fields[k].variable);
            assert_int_not_equal(config_fields[i].offset, config_fields[k].offset);
        }
    }
    assert_int_equal(seen, GENV_CONFIG_ALL);
}

static void what_is_written_reads_alike_and_touches_no_other_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        const struct config_field *field = &config_fields[i];
        struct genv_config config = GENV_CONFIG_INIT;
        char text[GENV_CONFIG_TEXT_SIZE] = "x";

        assert_false(genv_config_format(&config, field->bit, text));
        assert_string_equal(text, "");
        assert_int_equal(genv_config_parse(&config, field->bit, values[field->kind], NULL), 0);
        assert_int_equal(genv_config_given(&config), field->bit);
        assert_true(genv_config_format(&config, field->bit, text));
        assert_string_equal(text, values[field->kind]);
        assert_int_equal(config_validate(&config, GENV_CONFIG_ALL, NULL), 0);
        for (size_t k = 0; k < ARRAY_SIZE(refused[0]) && refused[field->kind][k]; k++) {
            struct genv_error err = {0};

            assert_int_equal(genv_config_parse(&config, field->bit, refused[field->kind][k], &err), -EINVAL);
            assert_true(*err.message && utf8_is_printable(err.message));
        }
        genv_config_format(&config, field->bit, text);
        assert_string_equal(text, values[field->kind]);
    }
}

static void copying_takes_the_fields_that_are_meant_configured_or_not(void **state)
{
    struct genv_config from = GENV_CONFIG_INIT;
    char text[GENV_CONFIG_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++)
        genv_config_parse(&from, config_fields[i].bit, values[config_fields[i].kind], NULL);
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        struct genv_config to = GENV_CONFIG_INIT, unset = GENV_CONFIG_INIT;

        for (size_t k = 0; k < CONFIG_FIELD_COUNT; k++)
            genv_config_parse(&to, config_fields[k].bit, others[config_fields[k].kind], NULL);
        genv_config_copy(&to, &from, config_fields[i].bit);
        for (size_t k = 0; k < CONFIG_FIELD_COUNT; k++) {
            genv_config_format(&to, config_fields[k].bit, text);
            assert_string_equal(text, i == k ? values[config_fields[k].kind] : others[config_fields[k].kind]);
        }
        genv_config_copy(&to, &unset, config_fields[i].bit);
        assert_int_equal(genv_config_given(&to), GENV_CONFIG_ALL & ~config_fields[i].bit);
    }
}

struct holder {
    struct genv_config config;
};

#define FIELD(bit, member, kind, ...) CONFIG_JSON_FIELD(struct holder, config, member, kind, true),
static const struct json_field json_fields[] = {GENV_CONFIG_FIELDS(FIELD)};
static const struct json_table json_table = {sizeof(struct holder), ARRAY_SIZE(json_fields), json_fields};

static void json_has_what_is_configured(void **state)
{
    (void)state;
    for (unsigned given = 0; given <= GENV_CONFIG_ALL; given++) {
        struct holder holder = {GENV_CONFIG_INIT}, again = {GENV_CONFIG_INIT};
        cleanup_json json_t *json = NULL;
        char text[GENV_CONFIG_TEXT_SIZE];

        for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
            if (given & config_fields[i].bit)
                genv_config_parse(&holder.config, config_fields[i].bit, values[config_fields[i].kind], NULL);
        }
        json = json_encode(&json_table, &holder);
        for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
            assert_int_equal(json_is_null(json_object_get(json, config_fields[i].key)),
                             !(given & config_fields[i].bit));
        }
        assert_int_equal(json_decode(json, &json_table, &again, NULL), 0);
        assert_int_equal(genv_config_given(&again.config), given);
        for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
            genv_config_format(&again.config, config_fields[i].bit, text);
            assert_string_equal(text, given & config_fields[i].bit ? values[config_fields[i].kind] : "");
        }
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_row_stands_for_a_field_of_its_own),
    cmocka_unit_test(what_is_written_reads_alike_and_touches_no_other_field),
    cmocka_unit_test(copying_takes_the_fields_that_are_meant_configured_or_not),
    cmocka_unit_test(json_has_what_is_configured),
};

UNIT_MAIN(tests)
