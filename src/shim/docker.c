/* docker: containers of this environment get its GPUs, and belong to it. */
#include "shim/engine.h"

int main(int argc, char **argv)
{
    return engine_main("docker", false, argc, argv);
}
