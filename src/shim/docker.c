/* docker: containers of this environment get its GPUs, and belong to it. */
#include "shim/argv.h"
#include "shim/docker_command.h"
#include "shim/shim.h"

#define DOCKER_FAILED 125 /* what docker run itself exits with where it starts no container */

/* Makes @words what docker is to be given for @argv, whose @options are those of a container. */
static int translate(struct argv *words, char **argv, char **options, struct genv_error *err)
{
    cleanup_shim_env struct genv_env *env = NULL;
    int r = docker_needs_devices(options) ? shim_environment(&env, err) : 0; /* read only where it matters */

    return r < 0 ? r : docker_translate(words, argv, options, getenv("GENV_ENVIRONMENT_ID"), env, err);
}

int main(int argc, char **argv)
{
    cleanup_argv struct argv words = {.count = 0};
    struct genv_error err = {0};
    struct shim shim;
    char **options;

    shim_init(&shim, "docker");
    if (argc < 1 || shim_stands_aside())
        return shim_become_real(&shim, argv);
    options = docker_find_options(argv);
    if (!options)
        return shim_become_real(&shim, argv);
    if (translate(&words, argv, options, &err) == 0)
        return shim_become_real(&shim, words.items);
    shim_complain(err.message);
    return DOCKER_FAILED;
}
