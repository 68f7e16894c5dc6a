// What is process-wide, and so belongs to the program and not to the library that others embed.
#pragma once

#include <initializer_list>

namespace peerhold::cli {

// umask, descriptors 0 to 2 present, the limit of open files raised, no core dumps, SIGPIPE
// ignored.
void prepare_process();
// Signals for which there is no handler yet, or no more, wait meanwhile.
void hold_signals(std::initializer_list<int> signals, bool hold);
// Does stderr go to the journal of systemd ($JOURNAL_STREAM)?
bool stderr_is_journal();

}  // namespace peerhold::cli
