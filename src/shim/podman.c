/* podman: containers of this environment get its GPUs, and belong to it. */
#include "shim/engine.h"

int main(int argc, char **argv)
{
    static const struct engine podman = {.name = "podman", .is_podman = true};

    return engine_main(&podman, argc, argv);
}
