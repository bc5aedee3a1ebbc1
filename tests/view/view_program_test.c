/* The view: which programs get the machine's numbers as places. */
#include "../unit/unit.h"

#include <string.h>

#include "view/program.h"

/* Literals hold the NUL behind the last word. */
#define PASSES_OVER(words) program_words_pass_over_numbers(words, sizeof(words))

static void nvidia_smi_passes_over_numbers_where_it_counts_none(void **state)
{
    (void)state;
    assert_true(PASSES_OVER("nvidia-smi"));
    assert_true(PASSES_OVER("/usr/bin/nvidia-smi\0dmon\0-c\0001"));
    assert_true(PASSES_OVER("nvidia-smi\0--query-gpu=index,uuid\0--format=csv"));
    assert_true(PASSES_OVER("nvidia-smi\0dmon\0--count\0001"));
    assert_true(PASSES_OVER("nvidia-smi\0conf-compute\0-q\0-i\0002"));
    assert_false(PASSES_OVER("nvidia-smi\0-q"));
    assert_false(PASSES_OVER("nvidia-smi\0-x\0--query"));
    assert_false(PASSES_OVER("nvidia-smi\0-L"));
    assert_false(PASSES_OVER("nvidia-smi\0--list-gpus"));
    assert_false(PASSES_OVER("nvidia-smi\0--query-gpu=index,count\0--format=csv"));
    assert_false(PASSES_OVER("nvidia-smi\0--query-gpu\0count\0--format=csv"));
}

static void no_other_program_does(void **state)
{
    static const char torn[] = {'n', 'v', 'i', 'd', 'i', 'a', '-', 's', 'm', 'i'};

    (void)state;
    assert_false(PASSES_OVER(""));
    assert_false(PASSES_OVER("python3\0nvidia-smi"));
    assert_false(PASSES_OVER("/nvidia-smi/nvtop"));
    assert_false(program_words_pass_over_numbers(torn, sizeof(torn)));
    assert_false(program_words_pass_over_numbers(torn, 0));
    assert_false(program_passes_over_numbers());
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(nvidia_smi_passes_over_numbers_where_it_counts_none),
    cmocka_unit_test(no_other_program_does),
};

UNIT_MAIN(tests)
