"""What runs inside the machine, alone, under `python3 -I`: the only place where bytes of documents are parsed."""
