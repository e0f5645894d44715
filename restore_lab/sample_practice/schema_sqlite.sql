-- A general practice's records, for SQLite 3.31 or later.
PRAGMA foreign_keys = ON;
PRAGMA user_version = 7;

CREATE TABLE parametre (
    cle TEXT NOT NULL PRIMARY KEY,
    valeur TEXT NOT NULL,
    modifie_le TEXT
);

CREATE TABLE utilisateur (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    identifiant TEXT NOT NULL UNIQUE,
    nom TEXT NOT NULL,
    prenom TEXT NOT NULL,
    fonction TEXT NOT NULL CHECK (fonction IN ('medecin', 'secretaire')),
    rpps TEXT UNIQUE,
    courriel TEXT NOT NULL,
    actif BOOLEAN NOT NULL DEFAULT 1,
    cree_le TEXT NOT NULL
);

CREATE TABLE patient (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    numero_dossier TEXT NOT NULL UNIQUE,
    nom TEXT NOT NULL,
    prenom TEXT NOT NULL,
    nom_complet TEXT GENERATED ALWAYS AS (nom || ' ' || prenom) VIRTUAL,
    naissance TEXT NOT NULL,
    sexe TEXT NOT NULL CHECK (sexe IN ('F', 'M')),
    nir TEXT UNIQUE,
    telephone TEXT,
    courriel TEXT,
    adresse TEXT NOT NULL,
    commune TEXT NOT NULL,
    medecin_traitant_id INTEGER NOT NULL REFERENCES utilisateur (id),
    ald BOOLEAN NOT NULL DEFAULT 0,
    note TEXT,
    cree_le TEXT NOT NULL
);

CREATE TABLE rendez_vous (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    patient_id INTEGER NOT NULL REFERENCES patient (id),
    utilisateur_id INTEGER NOT NULL REFERENCES utilisateur (id),
    debut TEXT NOT NULL,
    duree_minutes INTEGER NOT NULL DEFAULT 15,
    statut TEXT NOT NULL CHECK (statut IN ('honore', 'en_retard')),
    motif TEXT
);

CREATE TABLE consultation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    patient_id INTEGER NOT NULL REFERENCES patient (id),
    utilisateur_id INTEGER NOT NULL REFERENCES utilisateur (id),
    rendez_vous_id INTEGER UNIQUE REFERENCES rendez_vous (id),
    commencee_le TEXT NOT NULL,
    motif TEXT NOT NULL,
    observation TEXT NOT NULL,
    poids_kg NUMERIC,
    systolique INTEGER,
    diastolique INTEGER,
    tarif_euros NUMERIC NOT NULL,
    tiers_payant BOOLEAN NOT NULL DEFAULT 0
);

CREATE TABLE biologie (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    consultation_id INTEGER NOT NULL REFERENCES consultation (id),
    preleve_le TEXT NOT NULL,
    examen TEXT NOT NULL,
    valeur NUMERIC NOT NULL,
    unite TEXT NOT NULL,
    hors_norme BOOLEAN NOT NULL DEFAULT 0,
    commentaire TEXT,
    UNIQUE (consultation_id, examen)
);

CREATE TABLE ordonnance (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    consultation_id INTEGER NOT NULL UNIQUE REFERENCES consultation (id),
    numero TEXT NOT NULL UNIQUE,
    signee_le TEXT NOT NULL,
    renouvelable BOOLEAN NOT NULL DEFAULT 0,
    remarque TEXT
);

CREATE TABLE ligne_ordonnance (
    ordonnance_id INTEGER NOT NULL REFERENCES ordonnance (id) ON DELETE CASCADE,
    rang INTEGER NOT NULL,
    medicament TEXT NOT NULL,
    posologie TEXT NOT NULL,
    duree_jours INTEGER NOT NULL CHECK (duree_jours > 0),
    quantite NUMERIC NOT NULL,
    PRIMARY KEY (ordonnance_id, rang)
);

CREATE TABLE document (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    patient_id INTEGER NOT NULL REFERENCES patient (id),
    nom_fichier TEXT NOT NULL UNIQUE,
    type_mime TEXT NOT NULL,
    taille_octets INTEGER NOT NULL,
    empreinte_sha256 TEXT NOT NULL,
    confidentiel BOOLEAN NOT NULL DEFAULT 0,
    ajoute_le TEXT NOT NULL,
    contenu BLOB NOT NULL
);

CREATE TABLE courrier (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL UNIQUE REFERENCES document (id),
    correspondant TEXT NOT NULL,
    objet TEXT NOT NULL,
    statut TEXT NOT NULL DEFAULT 'brouillon',
    envoye_le TEXT
);

CREATE TABLE historique (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    nom_table TEXT NOT NULL,
    ligne_id INTEGER NOT NULL,
    action TEXT NOT NULL,
    fait_le TEXT NOT NULL,
    detail TEXT
);

-- the rows go here

CREATE INDEX patient_nom ON patient (nom, prenom);
CREATE INDEX rendez_vous_debut ON rendez_vous (debut);
CREATE INDEX rendez_vous_patient ON rendez_vous (patient_id);
CREATE INDEX consultation_commencee ON consultation (commencee_le);
CREATE INDEX consultation_patient ON consultation (patient_id, commencee_le);
CREATE INDEX document_patient ON document (patient_id);
CREATE INDEX biologie_hors_norme ON biologie (examen) WHERE hors_norme;

CREATE VIEW vue_derniere_consultation AS
    SELECT patient_id, max(commencee_le) AS derniere_le, count(*) AS nombre
    FROM consultation GROUP BY patient_id;

CREATE VIEW vue_biologie_anormale AS
    SELECT b.id, c.patient_id, b.examen, b.valeur, b.unite, b.preleve_le
    FROM biologie AS b JOIN consultation AS c ON c.id = b.consultation_id
    WHERE b.hors_norme;

CREATE TRIGGER consultation_historique AFTER UPDATE ON consultation
BEGIN
    INSERT INTO historique (nom_table, ligne_id, action, fait_le, detail)
    VALUES ('consultation', old.id, 'modification', datetime('now', 'localtime'), old.motif);
END;

CREATE TRIGGER patient_suppression_interdite BEFORE DELETE ON patient
BEGIN
    SELECT raise(ABORT, 'un dossier de patient ne se supprime pas');
END;
