"""What `tox` leaves to `tox -e nightly`: more places, series and engines for what is tried on some of them every time.

Nothing is left here that has no sister in the daily run; a line that fits no test any more stops the run.
"""

from __future__ import annotations

from typing import Final

#: Files whose tests take longest, to be begun first: none is to be waited for alone at the end.
LONGEST: Final = (
    "test_node_arm64.py",
    "test_node.py",
    "test_node_conditions.py",
    "test_schedule_systemd.py",
    "test_annual_in_containers.py",
)

#: File -> patterns of test names with their parameters, as in a node id (regular expressions, matched from the start).
LEFT: Final[dict[str, tuple[str, ...]]] = {
    # every kind of backup and every series daily, each pair of them nightly
    "test_postgresql_restore.py": (
        r"test_a_whole_backup_comes_back_whole\[container-13-(tar|plain|inserts)",
        r"test_a_whole_backup_comes_back_whole\[container-15-(custom|plain|inserts)",
        r"test_a_whole_backup_comes_back_whole\[container-17-(custom|tar|inserts)",
        r"test_a_whole_backup_comes_back_whole\[container-18-(custom|tar|plain)",
        r"(?!test_a_whole_backup_comes_back_whole).*\[container-13",
        r"test_a_dump_cut_between_statements_is_told.*\[container-18",
        r"test_a_whole_backup_comes_back_whole\[local-15-(tar|plain|inserts)",
        r"test_(data_are_found|a_dump_cut_between).*\[local-15-",
    ),
    "test_postgresql_broken.py": (r"test_(a_ruined_archive|a_cut_tar_archive|a_broken_row).*\[local-15-",),
    "test_postgresql_third_party.py": (r".*\[container-13",),
    # 10.11 is also the series of `local`
    "test_mariadb_restore.py": (r"(?!test_a_made_backup_restores).*\[container-10\.11",),
    "test_mariadb_broken.py": (r".*\[container-10\.11",),
    # the same dumps in whole drills, test_real_databases.py
    "test_mariadb_third_party.py": (r"test_third_party_dumps_come_back_whole\[",),
    "test_real_wrapped.py": (r"test_a_wrapped_dump_with_a_misleading_name_comes_back\[.*\.(tgz|bz2|zip|gz)\]",),
    "test_real_databases.py": (
        r"test_a_real_database_comes_back_as_its_row_says\[(.*-older|d7tester-1|sakila-mysql|chinook-mysql)\]",
        r"test_a_real_database_comes_back_as_its_row_says\[ddev-(postgresql-)?(oneuser|use|posts|stdintable)\]",
    ),
    # the layouts in which the practice's database is told otherwise than by its size or place daily
    "test_whole_servers.py": (
        r"test_tables_of_a_postgresql_server.*\[(last|largest|without|empty|copied, (first|largest))\]",
        r"test_tables_of_a_mariadb_server.*\[(first|empty|copied, first)\]",
        r"test_a_table_named_with_its_database.*\[copied, ",
        r"test_questions_go_to_the_database.*\[last\]",
    ),
    "test_dump_cut.py": (r"test_a_whole_dump_of_pg_dump_lacks_nothing\[(local-15|container-(15|17))\]",),
    # the password, and the same loss, are tried on MariaDB every time, without a drill around them
    "test_application.py": (r".*\[mariadb\]",),
    # of each kind of damage one engine's row is daily, its sister nightly; a row that proves a code is daily
    "test_damaged_backups.py": (
        r"test_a_backup.*\[mariadb-(newer-at-home|no-quotes|all-databases)\]",
        r"test_a_backup.*\[mariadb-(flip-in-word|compact|stderr)\]",
    ),
    "test_damaged_backups_mariadb_live.py": (
        r"test_a_backup.*\[mariadb-(memory-table|dropped-table|wrong-practice|sql-in-text)\]",
    ),
    "test_damaged_backups_mariadb_tools.py": (
        r"test_a_backup.*\[mariadb-(adminer|heidisql)-forged-end\]",
        r"test_a_backup.*\[mariadb-(mysqldump-php\]|npm-mysqldump)",
    ),
    "test_damaged_backups_postgresql.py": (
        r"test_a_backup.*\[postgresql-(schema-then-data|inserts|globals-then-plain|data-only|windows)\]",
        r"test_a_backup.*\[postgresql-(named-backup|archive-crlf|archive-utf8|tar|archive-cut-in-contents)\]",
        r"test_a_backup.*\[postgresql-(forged-end-(behind|among)-keys|sql-in-text|tar-in-tar|tar-cut)\]",
        r"test_a_backup.*\[postgresql-(table-left-out|cut-in-rows)\]",
    ),
    "test_damaged_backups_postgresql_live.py": (
        r"test_a_backup.*\[postgresql-(17|18|again|dumpall|stderr-warning|orphans-not-valid)\]",
        r"test_a_backup.*\[postgresql-(globals-only|tablespace(-archive|-created|-cluster)?|stderr|large-value)\]",
        r"test_a_backup.*\[postgresql-(collation|orphans)\]",
    ),
    "test_hostile_cases.py": (r"test_a_hostile.*\[mariadb-silent-(server|in-pieces|client)\]",),
    "test_past_months.py": (
        r"test_(a_purge_is_a_loss|the_same_backup_again|another_practices_data).*\[mariadb\]",
        r"test_(a_purge_is_a_loss|without_an_earlier_drill).*\[postgresql\]",
    ),
    "test_references_postgresql.py": (r".*\[postgresql-13-container\]",),
    "test_references_mariadb.py": (r".*\[mariadb-10\.11-container\]",),
    "test_references.py": (r"test_third_party_databases_hold_together\[sakila-mysql\]",),
    "test_machines_killed.py": (
        r"test_a_server_or_a_machine_killed.*\[(mariadb-machine-load|postgresql-server-load)",
        r"test_a_server_or_a_machine_killed.*\[.*-CONTROL_NOT_RUN\]",
        r"test_docker_stopped_while_a_dump_loads",
    ),
    "test_death_and_repair.py": (
        r"test_a_drill_killed_anywhere.*\[(count\+|spoilt\+|evidence\.dsse\.json\.new|register\.jsonl after seal)\]",
        r"test_a_drill_killed_anywhere.*\[(ask\+|cut\+|destroy|report\.pdf\.new)\]",
    ),
    "test_disks_and_keys.py": (r"test_a_backup_that_changes_while_it_is_read.*\[(removed|cut)\]",),
    "test_codes_raised.py": (r"test_what_is_near_it_is_spared\[MACHINE_",),
    "test_server_leaks.py": (
        r"test_a_dump_that_fails_on_a_row.*with_broken_statements\]",
        r"test_a_dump_that_fails_on_a_row.*\[(mariadb-with_a_duplicate|postgresql-with_rows_that_imitate)",
        r"test_a_drill_killed_while_it_loads.*(-15|postgresql-9)\]",
    ),
    "test_leaks.py": (r"test_a_dump_that_fails_on_a_row.*_(with_a_broken_statement|cut_within_a_row)-",),
    "test_leaks_around_docker.py": (r"test_nothing_outside_the_container_shows.*\[postgresql\]",),
    "test_leaks_when_killed.py": (
        r"test_a_drill_killed_at_any_stage.*\[(ask-15|control-9|destroy-9|load-3|seal-15)\]",
    ),
    "test_leaks_in_bugs.py": (r"test_a_bug_that_quotes_a_row.*\[restore_lab\.(checks|sources|delivery)",),
    "test_document_leaks.py": (r"test_what_is_wrong_with_the_documents.*\[(locked|cut|<lambda>-seen4)",),
    # the same kernel with the usual userland, its drills and its power cut (test_node_arm64.py), and the same
    # installation in a container, daily
    "test_machines.py": (
        r"test_another_userland_",
        r"test_a_fresh_emulated_machine_installs",
        r"test_an_emulated_machine_(is|lets_users|restores|falls_silent|without)",
        r"test_a_power_cut_leaves_the_card",
        r"test_a_(frozen|full)_",
        r"test_the_proxy_(makes|stalls_and)",
    ),
    # every engine that containers run on: Debian's Docker, run by root, is the daily one
    "test_sandboxes.py": (r".*\[(rootless Docker|Podman)",),
    "test_other_engines.py": (r"test_",),
    # a real engine; daily one that stops answering, and containers that die with it, in tests/faults
    "test_engine_restart.py": (r"test_",),
    # the link breaks at each stage, in each way; the same scenario on each kind of machine, and the link that falls
    # silent, daily on a real arm64 node
    "test_node.py": (
        r"test_a_link_that_breaks.*\[(load-reset|load-flip|count-cut|count-reset|ask-cut|ask-flip)",
        r"test_a_link_that_falls_silent",
        r"test_the_same_scenario_passes",
    ),
    # other userlands and kernels of the emulated Pi, of test_node_arm64.py; systemd daily in a container
    "test_node_systemd.py": (r"test_(a_client_that|a_slice_whose|a_test_of|a_node_whose|without_bubblewrap)",),
    "test_node_userlands.py": (r"test_",),
}
