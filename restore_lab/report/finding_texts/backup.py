"""What is said of the source, the layers around the dump, the machine and the load."""

from __future__ import annotations

from typing import Final

from restore_lab.findings import Code
from restore_lab.report.finding_texts.form import Actor, FindingText
from restore_lab.report.wording import msgid

BACKUP_TEXTS: Final = {
    Code.SOURCE_NOT_PLUGGED_IN: FindingText(
        plain=msgid("The place that holds the backups ({source}) was not plugged in."),
        exact=msgid("Source {source}: expected removable medium absent at the time of the drill"),
        action=msgid("plug in the backup disk and have the test run again"),
        by=Actor.DOCTOR,
    ),
    Code.SOURCE_UNREADABLE: FindingText(
        plain=msgid("The place that holds the backups ({source}) could not be read."),
        exact=msgid("Source {source}: could not be opened or read to its end"),
        action=msgid("make the place of the backups readable again and run the test again"),
    ),
    Code.NO_BACKUP_FOUND: FindingText(
        plain=msgid("No backup was found in the expected place."),
        exact=msgid("Source readable, and no recovery point in it matches the scenario"),
        action=msgid("find out since when backups are no longer made, and make one"),
    ),
    Code.BACKUP_IN_PROGRESS: FindingText(
        plain=msgid("The very latest backup was still being written; the one before was tested."),
        exact=msgid("Recovery point {point}: still changing, passed over"),
        action=msgid("check that this backup finished"),
    ),
    Code.BACKUP_NEVER_FINISHED: FindingText(
        plain=msgid("The latest backup was started and never finished."),
        exact=msgid("Recovery point {point}: named as unfinished, unchanged for 24 h"),
        action=msgid("find out why the backup stops on its way, and make a complete one"),
    ),
    Code.BACKUP_CHANGED_WHILE_READ: FindingText(
        plain=msgid("The backup changed while the test was reading it."),
        exact=msgid("Recovery point {point}: size or date differs before and after reading"),
        action=msgid("run the test again outside the hours of the backup"),
    ),
    Code.BACKUP_OVERDUE: FindingText(
        plain=msgid("The latest backup is of {taken}: {age_days} days old, for {limit_days} at most."),
        exact=msgid("Recovery point of {taken}: age {age_days} d, schedule allows {limit_days} d"),
        action=msgid("find out why backups stopped, and make one"),
    ),
    Code.BACKUP_DATED_IN_FUTURE: FindingText(
        plain=msgid("The date of the backup lies in the future: a clock is wrong."),
        exact=msgid("Recovery point dated after the time of the drill"),
        action=msgid("set the clock of the machine that makes the backups"),
    ),
    Code.BACKUPS_SAME_DATE: FindingText(
        plain=msgid("Several backups bear the same date ({count}); one of them was tested."),
        exact=msgid("Recovery points with the same latest date: {count}; the last written was taken"),
        action=msgid("give each backup a name with its date and time"),
    ),
    Code.NOT_THE_LATEST: FindingText(
        plain=msgid("The backup tested is not the latest: this one was asked for ({asked})."),
        exact=msgid("Recovery point chosen by hand ({asked}), not the latest by date"),
        action=msgid("have the latest backup tested as well"),
    ),
    Code.BACKUP_EMPTY: FindingText(
        plain=msgid("The latest backup is empty."),
        exact=msgid("The recovery point has no bytes, or its layers hold none"),
        action=msgid("find out why the backup is empty, and make a new one"),
    ),
    Code.ARCHIVE_DAMAGED: FindingText(
        plain=msgid("The file of the backup is damaged and cannot be read to its end."),
        exact=msgid("Layer {layer}: damaged or cut"),
        action=msgid("check the disk that holds the backups, and make a new backup"),
    ),
    Code.ARCHIVE_TOO_LARGE: FindingText(
        plain=msgid("The backup is larger than this test may unpack."),
        exact=msgid("Layer {layer}: unpacked size over the limit, or too many layers"),
        action=msgid("raise the limit or give the test machine more room, and run the test again"),
    ),
    Code.ARCHIVE_ENCRYPTED: FindingText(
        plain=msgid("The backup is locked by a password or a key that the test did not have."),
        exact=msgid("Layer {layer}: encrypted, no key at hand"),
        action=msgid("have the backup unlocked before the test, and the unlocked file put where the test looks for it"),
    ),
    Code.ARCHIVE_FORM_UNKNOWN: FindingText(
        plain=msgid("The backup is packed in a way that the test cannot unpack."),
        exact=msgid("Layer {layer}: a method of compression that is not known here, or that takes too much memory"),
        action=msgid("have the backup unpacked before the test, or packed with gzip, bzip2, xz or an ordinary zip"),
    ),
    Code.ARCHIVE_HOLDS_SEVERAL: FindingText(
        plain=msgid("The file of the backup holds several files; which one to test is not said."),
        exact=msgid("Layer {layer}: holds more than one file, and nothing says which one is the dump"),
        action=msgid("say which of these files is to be tested"),
    ),
    Code.WAL_NOT_IN_BACKUP: FindingText(
        plain=msgid("The backup may lack the latest entries: a companion file is missing from it."),
        exact=msgid("Database in WAL mode, copied without its write-ahead log"),
        action=msgid("have the companion files copied together with the main one"),
    ),
    Code.BACKUP_OF_ANOTHER_KIND: FindingText(
        plain=msgid("The backup is of a kind that this test cannot restore: {layer}."),
        exact=msgid("Backup of {layer}: nothing here restores one, and nothing is known of it"),
        action=msgid("have the backup restored by its own tool and looked at, or one made of a kind tested here"),
    ),
    Code.DUMP_NOT_RECOGNISED: FindingText(
        plain=msgid("The file found is not recognised as a backup of the medical records."),
        exact=msgid("First bytes match no known form of dump"),
        action=msgid("check which file the backup really writes"),
    ),
    Code.DUMP_OF_ANOTHER_ENGINE: FindingText(
        plain=msgid("The backup found does not come from the expected software."),
        exact=msgid("Dump of {found}, where the scenario expects {wanted}"),
        action=msgid("correct the scenario, or the place where backups are looked for"),
    ),
    Code.NO_MACHINE: FindingText(
        plain=msgid("No test machine was available."),
        exact=msgid("No sandbox could be opened ({reason})"),
        action=msgid("prepare a test machine and run the test again"),
    ),
    Code.MACHINE_FAILED: FindingText(
        plain=msgid("The test machine broke down during the test."),
        exact=msgid("The machine failed while in use ({reason})"),
        action=msgid("repair or replace the test machine and run the test again"),
    ),
    Code.MACHINE_OUT_OF_MEMORY: FindingText(
        plain=msgid("The test machine was too small for this backup."),
        exact=msgid("Memory limit of the machine reached ({reason})"),
        action=msgid("give the test machine more memory and run the test again"),
    ),
    Code.MACHINE_DISK_FULL: FindingText(
        plain=msgid("The test machine lacked room for this backup."),
        exact=msgid("Disk limit of the machine reached ({reason})"),
        action=msgid("give the test machine more room and run the test again"),
    ),
    Code.ISOLATION_PARTIAL: FindingText(
        plain=msgid("The test machine was only partly cut off from the rest."),
        exact=msgid("Isolation partial: {mechanism}"),
        action=msgid("use a machine that is fully cut off for the next test"),
    ),
    Code.ISOLATION_NONE: FindingText(
        plain=msgid("The test machine was not cut off from the rest."),
        exact=msgid("No isolation in force: {mechanism}"),
        action=msgid("use a machine that is cut off for the next test"),
    ),
    Code.COPY_NOT_SHOWN_GONE: FindingText(
        plain=msgid("A trace of the copy made for the test may remain on the test machine."),
        exact=msgid("Removal not confirmed when looked up afterwards: {kind} {name}"),
        action=msgid("remove the copy made for the test and confirm it in writing"),
    ),
    Code.APPLICATION_FAILED: FindingText(
        plain=msgid("The software could not be started on the data put back."),
        exact=msgid("Application on top of the restored database: no page ({reason})"),
        action=msgid("look at the image of the software, and run the test again"),
    ),
    Code.SERVER_OF_ANOTHER_SERIES: FindingText(
        plain=msgid("The test used another version of the database software than yours."),
        exact=msgid("Server {used}; the dump is of series {wanted}"),
        action=msgid("have the next test run with the version of the practice"),
    ),
    Code.SERVER_FAILED: FindingText(
        plain=msgid("The test machine could not be made ready to receive the data."),
        exact=msgid("Database server of the machine failed to start or stopped ({reason})"),
        action=msgid("repair the test machine and run the test again"),
    ),
    Code.LOAD_ERRORS: FindingText(
        plain=msgid("Part of the backup was refused when it was put back."),
        exact=msgid("Load errors: {count}; first: {code}, {subject}"),
        action=msgid("find out what was refused, and correct the backup"),
    ),
    Code.LOAD_ERRORS_HARMLESS: FindingText(
        plain=msgid("Some messages appeared when the data were put back; none concerns the data."),
        exact=msgid("Load errors judged harmless: {count}"),
        action=msgid("no action needed"),
    ),
    Code.LOAD_STOPPED: FindingText(
        plain=msgid("Putting the data back stopped before the end."),
        exact=msgid("Load stopped: {code}, line {line} of the dump"),
        action=msgid("find out why the backup cannot be put back to its end, and make a new one"),
    ),
    Code.LOAD_TIMED_OUT: FindingText(
        plain=msgid("Putting the data back took longer than the time allowed to this test."),
        exact=msgid("Load stopped by the time limit"),
        action=msgid("allow more time, or use a faster test machine, and run the test again"),
    ),
    Code.ENGINE_NOT_MATCHED: FindingText(
        plain=msgid("The test machine does not have the same software as yours: no conclusion is possible."),
        exact=msgid("Load errors on server {used}; the dump is of series {wanted}: they may come from that difference"),
        action=msgid("run the test again with the version of the practice"),
    ),
    Code.DUMP_SYNTAX_OUTDATED: FindingText(
        plain=msgid("The backup is written in an old way that no software of today takes as it is."),
        exact=msgid("Tables refused for naming their engine by TYPE=, as MySQL 4 does: {tables}"),
        action=msgid("test a copy of the backup in which ENGINE= stands in place of TYPE=, and write this step down"),
    ),
    Code.EXTENSION_ABSENT: FindingText(
        plain=msgid("The test machine lacks a component that your software uses."),
        exact=msgid("Extension {name}: not in the image of the machine"),
        action=msgid("add the component to the test machine and run the test again"),
    ),
    Code.COLLATION_ABSENT: FindingText(
        plain=msgid("The test machine lacks a sorting rule that your software uses."),
        exact=msgid("Collation {name}: not on the server of the machine"),
        action=msgid("add the sorting rule to the test machine and run the test again"),
    ),
    Code.ROLES_NOT_IN_BACKUP: FindingText(
        plain=msgid("User accounts of the software are not in the backup: they would have to be made again."),
        exact=msgid("Roles named by the dump and absent from the backup: {count}; first: {role}"),
        action=msgid("add the user accounts to the backup"),
    ),
    Code.SETTING_NEEDED: FindingText(
        plain=msgid("This backup comes back entirely only with a particular setting."),
        exact=msgid("Server setting needed by the load: {setting}"),
        action=msgid("write this setting down in the restoration procedure"),
    ),
    Code.END_MARK_ABSENT: FindingText(
        plain=msgid("The backup lacks its closing line: it may be cut short."),
        exact=msgid("End mark of the dump not seen in the last 64 KiB"),
        action=msgid("check that backups run to their end"),
    ),
    Code.TABLES_LEFT_OUT: FindingText(
        plain=msgid("A part of the records could not be read when the backup was made, and is not in it ({table})."),
        exact=msgid("Tables that the tool could not read and left out: {tables}; first: {table}"),
        action=msgid("check this part in the live software, then make a new backup"),
    ),
    Code.VIEWS_LEFT_OUT: FindingText(
        plain=msgid("A part of the software's mechanism is not in the backup ({view}); the records are not concerned."),
        exact=msgid("Views that the tool could not read and left out: {views}; first: {view}"),
        action=msgid("let the account that makes the backup read this part too, then make a new backup"),
    ),
    Code.VIEW_CUT_OR_LEFT_OUT: FindingText(
        plain=msgid(
            "The backup ends where a part of the software's mechanism was to come ({view}): either it is cut there,"
            " or that part could not be read."
        ),
        exact=msgid("Last view {view} dropped and not made; a cut and a view left out are alike without comments"),
        action=msgid("have the backup tool write its comments, and make a new backup"),
    ),
    Code.TOOL_MESSAGES_IN_BACKUP: FindingText(
        plain=msgid("A message of the backup software is written inside the backup."),
        exact=msgid("Messages of {name} written into the dump: {count}; first at line {line}"),
        action=msgid("keep the messages of the backup software out of the backup: send them to a file of their own"),
    ),
    Code.DATA_IN_ANOTHER_DATABASE: FindingText(
        plain=msgid("The data came back under another name than expected ({database})."),
        exact=msgid("Tables found in database {database}, not in the expected one"),
        action=msgid("no action needed"),
    ),
    Code.RESTORE_TIME_OVER_OBJECTIVE: FindingText(
        plain=msgid("Putting the data back took {seconds}, more than the {objective} you had agreed on."),
        exact=msgid("Measured restore time {seconds}; objective {objective}"),
        action=msgid("look for a faster way to put the data back"),
    ),
}
