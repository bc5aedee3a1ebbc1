/* PATH and its like. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/text.h"

static void the_folders_come_in_order(void **state)
{
    static const struct {
        const char *path, *files;
    } searches[] = {
        {"/a:/b/c", "/a/x /b/c/x "},  {"/a", "/a/x "},      {"", "./x "},
        {":/a", "./x /a/x "},         {"/a:", "/a/x ./x "}, {"/a::b", "/a/x ./x b/x "},
        {NULL, "/bin/x /usr/bin/x "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(searches); i++) {
        cleanup_path struct path path = {.file = NULL};
        cleanup_text struct text files = TEXT_INIT;

        if (searches[i].path)
            setenv("PATH", searches[i].path, 1);
        else
            unsetenv("PATH");
        while (path_next(&path, "x"))
            text_addf(&files, "%s ", path.file);
        assert_string_equal(files.data, searches[i].files);
        assert_false(path_next(&path, "x"));
    }
}

static void a_folder_may_be_deep(void **state)
{
    static char deep[10001];
    cleanup_path struct path path = {.file = NULL};

    (void)state;
    memset(deep, '/', sizeof(deep) - 1);
    setenv("PATH", deep, 1);
    assert_true(path_next(&path, "x"));
    assert_int_equal(strlen(path.file), sizeof(deep) + 1);
}

static void a_folder_is_put_in_front_once(void **state)
{
    static const struct {
        const char *list, *separators, *expected;
    } lists[] = {
        {NULL, ":", "/f"},
        {"", ":", "/f:"},
        {"/a:/b", ":", "/f:/a:/b"},
        {"/f", ":", "/f"},
        {"/f:/f/a:/f:b", ":", "/f:/f/a:b"},
        {"/a::/b:", ":", "/f:/a::/b:"},
        {":", ":", "/f::"},
        {"/a;/f;/b:/f;", ":;", "/f:/a:/b:"},
        {"/a;/f", ":", "/f:/a;/f"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        cleanup_text struct text text = TEXT_INIT;

        path_put_first(&text, "/f", lists[i].list, lists[i].separators);
        assert_string_equal(text.data, lists[i].expected);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_folder_is_put_in_front_once),
    cmocka_unit_test(the_folders_come_in_order),
    cmocka_unit_test(a_folder_may_be_deep),
};

UNIT_MAIN(tests)
