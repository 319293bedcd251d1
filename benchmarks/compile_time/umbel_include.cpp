// umbel/client.hpp included, nothing used.
#include <umbel/client.hpp>
