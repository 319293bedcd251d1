# Negative controls on real servers: for each NAME.cmake here a defect of the client, and NAME_test.cpp, which chooses that defect and passes
# when the history checker convicts it. One program, built against copies of our headers that stand before the true ones.
set(negative_folder "${CMAKE_CURRENT_LIST_DIR}")
set(shadow "${CMAKE_CURRENT_BINARY_DIR}/defective")
umbel_test_program(negative integration/negative umbel_own_asio)
file(GLOB defects CONFIGURE_DEPENDS "${negative_folder}/*.cmake")
list(REMOVE_ITEM defects "${negative_folder}/inject.cmake" "${negative_folder}/tests.cmake")
foreach(defect IN LISTS defects)
  include("${defect}")
  add_custom_command(OUTPUT "${shadow}/${header}"
    COMMAND "${CMAKE_COMMAND}" "-DDEFECT=${defect}" "-DINCLUDE=${PROJECT_SOURCE_DIR}/include" "-DSHADOW=${shadow}" -P "${negative_folder}/inject.cmake"
    DEPENDS "${PROJECT_SOURCE_DIR}/include/${header}" "${defect}" "${negative_folder}/inject.cmake"
    VERBATIM)
  target_sources(negative PRIVATE "${shadow}/${header}")
endforeach()
target_include_directories(negative BEFORE PRIVATE "${shadow}")
# Not umbel::own: that has no defect. The tests' own headers are content with <umbel/client.hpp>; the code behind it is compiled here.
target_compile_options(negative PRIVATE "SHELL:-include \"${negative_folder}/defects.hpp\" -include umbel.hpp")
foreach(server IN ITEMS redis valkey)
  if(TEST drills/${server}/wire)
    foreach(file IN LISTS umbel_test_files)
      get_filename_component(stem "${file}" NAME_WE)
      string(REGEX REPLACE "_test$" "" name "${stem}")
      add_test(NAME drills/${server}/negative_${name} COMMAND negative --filenames-as-tags "[#${stem}]")
      set_tests_properties(drills/${server}/negative_${name} PROPERTIES TIMEOUT 480 ENVIRONMENT "UMBEL_SERVER=${server}-server" ${umbel_waits} COST 250 SKIP_RETURN_CODE 4)
    endforeach()
  endif()
endforeach()
