# Finds libedit, the line editor of NetBSD (libedit-dev in Debian), and defines the target Editline::Editline. Sets Editline_FOUND.
# It is under a BSD licence, as umbel is under MIT's; readline is under the GPL.

find_path(Editline_INCLUDE_DIR NAMES histedit.h)
find_library(Editline_LIBRARY NAMES edit)
mark_as_advanced(Editline_INCLUDE_DIR Editline_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Editline REQUIRED_VARS Editline_LIBRARY Editline_INCLUDE_DIR)

if(Editline_FOUND AND NOT TARGET Editline::Editline)
  add_library(Editline::Editline INTERFACE IMPORTED)
  set_target_properties(Editline::Editline PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${Editline_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${Editline_LIBRARY}")
endif()
