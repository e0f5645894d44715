"""The result of a drill on its way to the doctor: composed, kept until it is sent, sent, and the receipt registered."""
