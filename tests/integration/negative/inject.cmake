# inject.cmake: writes a copy of one header with a defect in it. A script: cmake -DDEFECT=FILE -DINCLUDE=FOLDER -DSHADOW=FOLDER -P inject.cmake
# FILE sets `header`, and the piece of its text that is `sound` and what stands there instead, `defective`. When the piece is not there
# exactly once the guard has moved, and with it this control: that is an error, never a client without a defect.
include("${DEFECT}")
file(READ "${INCLUDE}/${header}" text)
string(FIND "${text}" "${sound}" first)
string(FIND "${text}" "${sound}" last REVERSE)
if(first EQUAL -1 OR NOT first EQUAL last)
  message(FATAL_ERROR "${DEFECT}: this does not stand exactly once in ${header}: ${sound}")
endif()
string(REPLACE "${sound}" "${defective}" text "${text}")
file(WRITE "${SHADOW}/${header}" "${text}")
