/* Words as they pass through a login shell. */
#include "../unit/unit.h"

#include <errno.h>
#include <string.h>

#include "remote/words.h"

static void check_encoded(const char *word, const char *encoded)
{
    cleanup_text struct text text = TEXT_INIT;

    word_encode(&text, word);
    assert_string_equal(text.data, encoded);
    assert_int_equal(word_needs_encoding(word), strcmp(word, encoded) != 0);
}

static void check_round_trip(const char *word)
{
    cleanup_text struct text text = TEXT_INIT;

    word_encode(&text, word);
    assert_false(text.failed);
    for (const char *c = text.data; *c; c++)
        assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/:,+@=%", *c));
    assert_int_equal(word_decode(text.data), 0);
    assert_string_equal(text.data, word);
}

static void test_plain_words(void **state)
{
    (void)state;
    check_encoded("train.py", "train.py");
    check_encoded("--gpus=2", "--gpus=2");
    check_encoded("/usr/bin/env", "/usr/bin/env");
    check_encoded("a@b:c,d+e_f", "a@b:c,d+e_f");
}

static void test_encoded_words(void **state)
{
    (void)state;
    check_encoded("", "%");
    check_encoded("%", "%25");
    check_encoded("a b", "a%20b");
    check_encoded("$(x)", "%24%28x%29");
    check_encoded("it's\n", "it%27s%0A");
    check_encoded("\xc3\xa4", "%C3%A4");
    check_encoded("~/x", "%7E/x");
    /* zsh: the path of the command behind it */
    check_encoded("=ls", "%3Dls");
    check_encoded("a==ls", "a=%3Dls");
    check_encoded("a:=ls", "a:%3Dls");
}

static void test_every_byte(void **state)
{
    char all[256];

    (void)state;
    for (int c = 1; c < 256; c++) {
        const char one[] = {(char)c, '\0'}, three[] = {'x', (char)c, 'x', '\0'};

        all[c - 1] = (char)c;
        check_round_trip(one);
        check_round_trip(three);
    }
    all[255] = '\0';
    check_round_trip(all);
}

static void test_random_words(void **state)
{
    uint64_t seed = 4;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char word[32];
        size_t length = unit_random(&seed) % sizeof(word);

        for (size_t i = 0; i < length; i++) {
            /* Mostly what means something to the encoding. */
            word[i] = (char)(unit_random(&seed) % 2 ? (unsigned char)"%=02aF: "[unit_random(&seed) % 8]
                                                    : 1 + unit_random(&seed) % 255);
        }
        word[length] = '\0';
        check_round_trip(word);
    }
}

static void test_both_cases(void **state)
{
    char word[] = "%c3%A4%2f";

    (void)state;
    assert_int_equal(word_decode(word), 0);
    assert_string_equal(word, "\xc3\xa4/");
}

static void test_malformed(void **state)
{
    static const char *const words[] = {"",      "%%",  "%2", "a%", "%zz", "%0g",
                                        "a%00b", "a b", "$x", "~",  "a\n", "\xc3\xa4"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        char word[16];

        snprintf(word, sizeof(word), "%s", words[i]);
        if (word_decode(word) != -EINVAL)
            fail_msg("'%s' was decoded", words[i]);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_plain_words),  cmocka_unit_test(test_encoded_words), cmocka_unit_test(test_every_byte),
    cmocka_unit_test(test_random_words), cmocka_unit_test(test_both_cases),    cmocka_unit_test(test_malformed),
};

UNIT_MAIN(tests)
