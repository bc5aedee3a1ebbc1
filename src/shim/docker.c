/* docker: containers of this environment get its GPUs, and belong to it. */
#include "shim/engine.h"

int main(int argc, char **argv)
{
    static const struct engine docker = {.name = "docker"};

    return engine_main(&docker, argc, argv);
}
